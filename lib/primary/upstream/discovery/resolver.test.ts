import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOOKUP_MS } from '../../../lookup.ts';
import { createResolver, type Dns, type Resolver } from './resolver.ts';

interface Asked {
  readonly host: string;
  answer(...ips: string[]): void;
  fail(code: string): void;
}

/** A resolver whose DNS functions answer when told to, and whose clock moves when told to. */
function setUp(ttl: (host: string) => Promise<number | null> = () => Promise.resolve(null)) {
  const asked: Asked[] = [];
  const clock = { now: 1000 };
  const dns: Dns = {
    lookup: (host) =>
      new Promise((resolve, reject) => {
        asked.push({
          host,
          answer: (...ips) => resolve(ips),
          fail: (code) => reject(Object.assign(new Error(code), { code })),
        });
      }),
    ttlSeconds: ttl,
    services: () => Promise.resolve({ records: [], ttlMs: Infinity }),
    atOnce: 2,
    close: () => undefined,
  };
  const resolver = createResolver(dns, () => clock.now);
  return { asked, clock, dns, resolver };
}

/** Lets pending promises settle. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A name that has been resolved once. */
async function known(ttl?: number) {
  const all = setUp(() => Promise.resolve(ttl ?? null));
  const first = all.resolver.resolve('db');
  all.asked[0]?.answer('10.0.0.1', '10.0.0.2');
  assert.deepEqual(await first, { ok: true, ips: ['10.0.0.1', '10.0.0.2'], ageMs: 0 });
  await settle();
  return all;
}

async function ipsOf(resolver: Resolver, host = 'db'): Promise<string> {
  const resolution = await resolver.resolve(host);
  return `${resolution.ok ? 'ok' : resolution.code} ${resolution.ips.join(' ')}`.trim();
}

test('an address literal is its own answer', async () => {
  const { asked, resolver } = setUp();
  assert.equal(await ipsOf(resolver, '127.0.0.1'), 'ok 127.0.0.1');
  assert.equal(await ipsOf(resolver, '::1'), 'ok ::1');
  assert.equal(asked.length, 0);
});

test('an answer is kept for the lifetime of its record, within bounds', async () => {
  for (const [ttl, kept] of [
    [undefined, 30_000],
    [60, 60_000],
    [0, 1000],
    [86_400, 300_000],
  ] as const) {
    const { asked, clock, resolver } = await known(ttl);
    clock.now += kept - 1;
    await ipsOf(resolver);
    assert.equal(asked.length, 1, `${ttl}`);
    clock.now += 1;
    await ipsOf(resolver);
    assert.equal(asked.length, 2, `${ttl}`);
    resolver.close();
  }
});

test('a lifetime that cannot be asked for does not matter', async () => {
  const { asked, resolver } = setUp(() => Promise.reject(new Error('no name server')));
  const first = ipsOf(resolver);
  asked[0]?.answer('10.0.0.1');
  assert.equal(await first, 'ok 10.0.0.1');
});

test('while an answer is refreshed the last one serves, without waiting', async () => {
  const { asked, clock, resolver } = await known();
  clock.now += 30_000;
  assert.equal(await ipsOf(resolver), 'ok 10.0.0.1 10.0.0.2');
  assert.equal(await ipsOf(resolver), 'ok 10.0.0.1 10.0.0.2');
  assert.equal(asked.length, 2);
  asked[1]?.answer('10.0.0.3', '10.0.0.3');
  await settle();
  assert.equal(await ipsOf(resolver), 'ok 10.0.0.3');
});

test('a name that stops resolving fails with its last good answer, and is asked for until it resolves', async () => {
  const { asked, clock, resolver } = await known();
  clock.now += 30_000;
  await ipsOf(resolver);
  asked[1]?.fail('ENOTFOUND');
  await settle();
  const failing = resolver.resolve('db');
  asked[2]?.fail('ENOTFOUND');
  assert.deepEqual(await failing, { ok: false, code: 'ENOTFOUND', ips: ['10.0.0.1', '10.0.0.2'], ageMs: 30_000 });
  const recovering = ipsOf(resolver);
  asked[3]?.answer('10.0.0.4');
  assert.equal(await recovering, 'ok 10.0.0.4');
});

test('a name without a usable address fails', async () => {
  const { asked, resolver } = setUp();
  const first = ipsOf(resolver);
  asked[0]?.answer();
  assert.equal(await first, 'ENODATA');
});

test('two names at most are looked up at a time, each once however often it is asked for', async () => {
  const { asked, resolver } = setUp();
  const all = ['a', 'b', 'c', 'd', 'a', 'b'].map((host) => ipsOf(resolver, host));
  const hosts = () => asked.map(({ host }) => host).join('');
  await settle();
  assert.equal(hosts(), 'ab');
  asked[0]?.answer('10.0.0.1');
  await settle();
  assert.equal(hosts(), 'abc');
  asked[1]?.fail('ENOTFOUND');
  await settle();
  assert.equal(hosts(), 'abcd');
  asked[2]?.answer('10.0.0.3');
  asked[3]?.answer('10.0.0.4');
  assert.deepEqual(await Promise.all(all), [
    'ok 10.0.0.1',
    'ENOTFOUND',
    'ok 10.0.0.3',
    'ok 10.0.0.4',
    'ok 10.0.0.1',
    'ENOTFOUND',
  ]);
});

test('a lookup that hangs is given up in time, keeps its place, and still counts when it ends', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { asked, resolver } = setUp();
  const first = ipsOf(resolver);
  t.mock.timers.tick(LOOKUP_MS - 1);
  await settle();
  t.mock.timers.tick(1);
  assert.equal(await first, 'ETIMEOUT');
  const second = ipsOf(resolver);
  assert.equal(asked.length, 1, 'not asked twice at a time');
  asked[0]?.answer('10.0.0.1');
  assert.equal(await second, 'ok 10.0.0.1');
});

test('names that wait for their turn keep their last good answer', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { asked, clock, resolver } = await known();
  const hanging = [ipsOf(resolver, 'a'), ipsOf(resolver, 'b')];
  clock.now += 30_000;
  await ipsOf(resolver);
  t.mock.timers.tick(2 * LOOKUP_MS);
  assert.deepEqual(await Promise.all(hanging), ['ETIMEOUT', 'ETIMEOUT']);
  assert.equal(await ipsOf(resolver), 'ok 10.0.0.1 10.0.0.2');
  assert.equal(asked.length, 3);
});

test('other name servers answer whoever waits for the old ones, whose late answer counts no more', async () => {
  const { asked, resolver } = setUp();
  const waiting = resolver.resolve('db');
  assert.equal(asked.length, 1);
  const next = setUp();
  resolver.use(next.dns);
  await settle();
  assert.equal(next.asked.length, 1, 'asked at once, though getaddrinfo has not returned');
  asked[0]?.answer('10.0.0.1');
  await settle();
  void resolver.resolve('db');
  await settle();
  assert.equal(next.asked.length, 1, 'the lookup under way is still known');
  next.asked[0]?.answer('10.0.0.2');
  assert.deepEqual(await waiting, { ok: true, ips: ['10.0.0.2'], ageMs: 0 });
  assert.equal(await ipsOf(resolver), 'ok 10.0.0.2');
});

test('closing ends what waits, and nothing is asked any more', async () => {
  const { asked, resolver } = setUp();
  const waiting = ipsOf(resolver);
  resolver.close();
  assert.equal(await waiting, 'ETIMEOUT');
  assert.equal(await ipsOf(resolver, 'other'), 'ECANCELLED');
  assert.equal(asked.length, 1);
});

test('the real functions know /etc/hosts', async () => {
  const resolver = createResolver();
  const resolution = await resolver.resolve('localhost');
  resolver.close();
  assert.ok(resolution.ok && resolution.ips.some((ip) => ip === '127.0.0.1' || ip === '::1'));
});

test('after close() nothing is asked any more, also what had waited for its turn', async () => {
  const { asked, resolver } = setUp();
  const all = ['a', 'b', 'c'].map((host) => resolver.resolve(host));
  assert.deepEqual(
    asked.map(({ host }) => host),
    ['a', 'b'],
  );
  resolver.close();
  asked[0]?.answer('10.0.0.1');
  await Promise.all(all);
  await settle();
  assert.equal(asked.length, 2);
});

test('fresh() waits for the answer that follows one whose time is over, and keeps the old one when none comes', async () => {
  const { asked, clock, resolver } = await known(5);
  assert.deepEqual((await resolver.fresh('db')).ips, ['10.0.0.1', '10.0.0.2']);
  assert.equal(asked.length, 1, 'not asked before its time');
  clock.now += 5000;
  const next = resolver.fresh('db');
  asked[1]?.answer('10.0.0.3');
  assert.deepEqual(await next, { ok: true, ips: ['10.0.0.3'], ageMs: 0 });
  clock.now += 5000;
  const lost = resolver.fresh('db');
  asked[2]?.fail('ENOTFOUND');
  assert.deepEqual(await lost, { ok: false, code: 'ENOTFOUND', ips: ['10.0.0.3'], ageMs: 5000 });
});

test('lifeLeft() tells when to ask again, at least a second from now, and never for a literal', async () => {
  const { clock, resolver } = await known(5);
  assert.equal(await resolver.lifeLeft('db'), 5000);
  clock.now += 4500;
  assert.equal(await resolver.lifeLeft('db'), 1000);
  assert.equal(await resolver.lifeLeft('127.0.0.1'), Infinity);
});

test('a name that is forgotten, or that nobody has asked for in a while, gives up its turn: those that wait are bounded', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { asked, clock, resolver } = setUp();
  const names = Array.from({ length: 10_000 }, (_, i) => ipsOf(resolver, `host-${i}`));
  await settle();
  assert.equal(await names[2], 'ETIMEOUT', 'of ten thousand the first are forgotten, without waiting for their time');
  clock.now += 10 * LOOKUP_MS;
  const wanted = ipsOf(resolver, 'host-9000');
  asked[0]?.answer('10.0.0.1');
  await settle();
  assert.deepEqual(asked.map(({ host }) => host).slice(2), ['host-9000'], 'nobody waits behind those');
  asked[2]?.answer('10.0.0.3');
  assert.equal(await wanted, 'ok 10.0.0.3');
  resolver.close();
  await Promise.all(names);
  assert.equal(asked.length, 3);
});

test('the lifetime of a name is asked for when its turn comes, no earlier', async () => {
  const lifetimes: string[] = [];
  const { asked, resolver } = setUp((host) => Promise.resolve(lifetimes.push(host)));
  const all = ['a', 'b', 'c'].map((host) => ipsOf(resolver, host));
  assert.equal(lifetimes.join(''), 'ab');
  for (const i of [0, 1, 2]) {
    asked[i]?.answer('10.0.0.1');
    await settle();
    assert.equal(lifetimes.join(''), 'abc');
  }
  assert.deepEqual(await Promise.all(all), ['ok 10.0.0.1', 'ok 10.0.0.1', 'ok 10.0.0.1']);
});
