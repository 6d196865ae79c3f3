import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Resolution } from '../discovery/resolver.ts';
import { followName } from './name-follower.ts';

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

test('a name is asked for when its time is over, and when its backend refuses also before', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const asked: (number | undefined)[] = [];
  const found: (readonly string[])[] = [];
  let answer: Resolution = { ok: true, ips: ['10.0.0.1'], ageMs: 0 };
  let longest = 30_000;
  const resolver = {
    fresh: (_: string, maxAgeMs?: number) => {
      asked.push(maxAgeMs);
      return Promise.resolve(answer);
    },
    lifeLeft: (_: string, maxAgeMs = Infinity) => Promise.resolve(Math.min(20_000, maxAgeMs)),
  };
  let lost = 0;
  const follower = followName('db.test', {
    resolver,
    maxAgeMs: () => longest,
    found: (ips) => void found.push(ips),
    lost: () => void lost++,
  });
  await settle();
  assert.deepEqual([asked, found], [[30_000], [['10.0.0.1']]]);
  t.mock.timers.tick(19_999);
  await settle();
  assert.equal(asked.length, 1);
  longest = 5000;
  t.mock.timers.tick(3);
  await settle();
  assert.deepEqual(asked, [30_000, 5000]);

  answer = { ok: false, code: 'ESERVFAIL', ips: ['10.0.0.1'], ageMs: 1 };
  follower.again();
  follower.again();
  await settle();
  assert.deepEqual(asked, [30_000, 5000, 1000], 'once, and what is not older than a second is good');
  assert.deepEqual([found.length, lost], [2, 1], 'a failure is no answer');
  t.mock.timers.tick(5002);
  await settle();
  assert.equal(asked.length, 4, 'the clock went on from there');
  follower.stop();
  follower.again();
  t.mock.timers.tick(60_000);
  await settle();
  assert.equal(asked.length, 4);
});

test('a refusal counts also while nobody tells how long the name lives', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let asked = 0;
  const waiting: ((ms: number) => void)[] = [];
  const resolver = {
    fresh(): Promise<Resolution> {
      asked++;
      return Promise.resolve({ ok: true, ips: ['10.0.0.1'], ageMs: 0 });
    },
    lifeLeft: () => new Promise<number>((resolve) => waiting.push(resolve)),
  };
  const follower = followName('db.test', {
    resolver,
    maxAgeMs: () => 30_000,
    found: () => undefined,
    lost: () => undefined,
  });
  await settle();
  follower.again();
  await settle();
  assert.equal(asked, 2);
  waiting.pop()?.(5000);
  await settle();
  waiting.pop()?.(5000);
  await settle();
  t.mock.timers.tick(5002);
  await settle();
  assert.equal(asked, 3, 'one timer');
  follower.stop();
});

test('an address and a path are not followed', async () => {
  const never = (): never => assert.fail();
  const resolver = { fresh: never, lifeLeft: never };
  for (const host of ['10.0.0.1', '::1', '/run/x']) {
    followName(host, { resolver, maxAgeMs: () => 1, found: never, lost: never }).again();
    await settle();
  }
});
