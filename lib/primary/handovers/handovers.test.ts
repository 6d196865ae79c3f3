import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import type { ToWorker } from '../../ipc/messages.ts';
import { monotonicClock } from '../../testing/monotonic.ts';
import { processStandIn } from '../../testing/process-stand-in.ts';
import type { Log } from '../log/log.ts';
import { createHandovers } from './handovers.ts';

function scene(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'bal-handovers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = (pid: number): string => join(folder, `h.${pid}`);
  const said: [number, string][] = [];
  const shares: [number, number][] = [];
  const reported: string[] = [];
  const say = (_: string, message: string): void => void reported.push(message);
  const log: Log = { debug: say, info: say, warn: say, error: say, for: () => log };
  const make = (pid: number, id: number) => ({
    ...processStandIn(pid, (message: ToWorker) => {
      if (message.kind === 'take') said.push([pid, message.path]);
      if (message.kind === 'share') shares.push([pid, message.connections]);
    }),
    id,
    engine: 'native' as 'native' | 'js',
  });
  const workers = [make(11, 1), make(12, 2), make(21, 1), make(22, 2)] as const;
  const live = new Set<(typeof workers)[number]>(workers);
  let all = true;
  const handovers = createHandovers({ log, path, workers: () => [...live], givesAll: () => all });
  return { handovers, workers, live, path, said, shares, reported, keeps: () => (all = false) };
}

/** The socket of a worker that is not ours; the returned function removes it. */
async function orphanAt(t: TestContext, path: string): Promise<() => Promise<void>> {
  const server = createServer().listen(path);
  await once(server, 'listening');
  const end = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  t.after(end);
  return end;
}

const adopted = (path: string, why: string | null = null, connections = 1) =>
  ({ kind: 'adopted', path, connections, refused: 0, why, standstill: null }) as const;

test('as long as connections go whoever waits for them waits on', async (t) => {
  const { handovers, workers } = scene(t);
  const [giver] = workers;
  giver.state = 'draining';
  handovers.pathFor(giver);
  let clock = 0;
  monotonicClock(t, () => clock);
  let isOver = false;
  const settled = handovers.settled(0, 100).then(() => (isOver = true));
  for (let i = 0; i < 5; i++) {
    clock += 90;
    handovers.moved();
    await new Promise((resolve) => setTimeout(resolve, 15));
    assert.equal(isOver, false);
  }
  clock += 101;
  await settled;
});

test('the worker in its place takes, and another where there is none', (t) => {
  const { handovers, workers, live, path, said } = scene(t);
  const [first, second, third] = workers;
  first.state = second.state = 'draining';
  assert.equal(handovers.pathFor(first), path(11));
  handovers.receive(first, { kind: 'giving', error: null });
  assert.deepEqual(said, [[21, path(11)]]);
  live.delete(workers[3]);
  handovers.pathFor(second);
  handovers.receive(second, { kind: 'giving', error: null });
  assert.deepEqual(said[1], [21, path(12)], 'the only one that is left');
  // The taker dies: its givers give to the next worker that serves.
  live.delete(third);
  handovers.gone(third);
  assert.equal(said.length, 2);
  live.add(workers[3]);
  handovers.ready();
  assert.deepEqual(said.slice(2), [
    [22, path(11)],
    [22, path(12)],
  ]);
});

test('another is asked when one could not, three times, and again when there is a new one', (t) => {
  const { handovers, workers, path, said, reported } = scene(t);
  const [giver, , taker] = workers;
  giver.state = 'draining';
  handovers.pathFor(giver);
  handovers.receive(giver, { kind: 'giving', error: null });
  for (let i = 0; i < 5; i++) handovers.receive(taker, adopted(path(11), 'EACCES', 0));
  assert.equal(said.length, 3);
  assert.equal(reported.length, 5, 'each is told');
  handovers.ready();
  assert.equal(said.length, 4, 'there is a new one to ask');
});

test('nothing is asked of a worker that cannot give, and its file goes with it', async (t) => {
  const { handovers, workers, path, said, reported, keeps } = scene(t);
  const [giver, other] = workers;
  assert.equal(handovers.pathFor({ ...giver, engine: 'js' }), null);
  for (const it of workers) if (it !== giver) it.engine = 'js';
  assert.equal(handovers.pathFor(giver), null, 'nobody ever takes');
  for (const it of workers) it.engine = 'native';
  handovers.pathFor(giver);
  handovers.receive(giver, { kind: 'giving', error: 'EACCES' });
  handovers.ready();
  assert.deepEqual([said, reported], [[], ['worker 1 keeps its connections: EACCES']]);
  await handovers.settled(0, 60_000);
  handovers.pathFor(other);
  writeFileSync(path(12), '');
  handovers.receive(other, { kind: 'giving', error: null });
  await handovers.settled(0, 20);
  keeps();
  handovers.receive(other, { kind: 'given', all: false });
  await handovers.settled(0, 60_000);
  handovers.gone(other);
  assert.equal(existsSync(path(12)), false);
});

test('a worker that goes on gives a share to the one that was named, and to no other', async (t) => {
  const { handovers, workers, path, said, shares, reported } = scene(t);
  const [one, two, three] = workers;
  const over = handovers.share(one, three, 7);
  assert.deepEqual(shares, [[11, 7]]);
  assert.equal(await handovers.share(one, two, 7), null, 'it gives already');
  handovers.receive(one, { kind: 'giving', error: null });
  assert.deepEqual(said, [[21, path(11)]]);
  await handovers.settled(0, 60_000);
  handovers.receive(three, adopted(path(11), null, 5));
  assert.equal(await over, 5);
  for (const end of [
    () => handovers.receive(one, { kind: 'giving', error: 'EACCES' }),
    () => handovers.receive(three, adopted(path(11), 'it is busy', 0)),
    () => handovers.gone(three),
    () => handovers.gone(one),
  ]) {
    const fails = handovers.share(one, three, 7);
    end();
    assert.equal(await fails, null);
  }
  assert.deepEqual(reported, ['5 connections go on in worker 1']);
});

test('a reload in the middle of a share: what is left goes to the worker in its place', async (t) => {
  const { handovers, workers, path, said } = scene(t);
  const [one, two] = workers;
  const share = handovers.share(one, two, 7);
  handovers.receive(one, { kind: 'giving', error: null });
  one.state = 'draining';
  handovers.pathFor(one);
  assert.equal(await share, null);
  handovers.receive(one, { kind: 'giving', error: null });
  assert.deepEqual(said, [[12, path(11)]], 'nobody else while the first is there');
  handovers.receive(two, adopted(path(11), null, 3));
  assert.deepEqual(said[1], [21, path(11)]);
});

test('a connection that ends whoever takes it ends three workers, and stays where it is', (t) => {
  const { handovers, workers, live, path, said, reported } = scene(t);
  const [giver, ...others] = workers;
  giver.state = 'draining';
  handovers.pathFor(giver);
  handovers.receive(giver, { kind: 'giving', error: null });
  for (let i = 0; i < 5; i++) {
    const taker = others.find(({ pid }) => pid === said.at(-1)?.[0]) ?? assert.fail();
    live.delete(taker);
    handovers.gone(taker);
    // The one that is forked in its place.
    live.add(taker);
    handovers.ready();
  }
  assert.deepEqual(new Set(said.map(([, its]) => its)), new Set([path(11)]));
  assert.equal(said.length, 3);
  assert.deepEqual(reported, ['connections stay with the worker that has them']);
});

test('an orphan whose connections end who takes them ends three workers', async (t) => {
  const { handovers, workers, live, path, said, reported } = scene(t);
  const end = await orphanAt(t, path(99));
  handovers.look();
  for (let i = 0; i < 5; i++) {
    const taker = workers.find(({ pid }) => pid === said.at(-1)?.[0]) ?? assert.fail();
    live.delete(taker);
    handovers.gone(taker);
    live.add(taker);
    handovers.look();
  }
  assert.deepEqual(
    said.map(([, its]) => its),
    [path(99), path(99), path(99)],
  );
  assert.deepEqual(reported, ['connections stay with the worker that has them']);
  await end();
  handovers.look();
  await orphanAt(t, path(99));
  handovers.look();
  assert.equal(said.length, 4, 'another process with that pid');
});

test('what was taken from an orphan is reported, also once that has ended', async (t) => {
  const { handovers, workers, path, said, reported } = scene(t);
  const end = await orphanAt(t, path(99));
  handovers.look();
  const taker = workers.find(({ pid }) => pid === said[0]?.[0]) ?? assert.fail();
  await end();
  handovers.receive(taker, adopted(path(99), null, 3));
  assert.deepEqual(reported, [`3 connections go on in worker ${taker.id}`]);
});

test('what a worker says of an orphan that it does not take is nothing', async (t) => {
  const { handovers, workers, path, said } = scene(t);
  await orphanAt(t, path(99));
  handovers.look();
  const other = workers.find(({ pid }) => pid !== said[0]?.[0]) ?? assert.fail();
  handovers.receive(other, adopted(path(99), 'ECONNREFUSED', 0));
  assert.equal(existsSync(path(99)), true);
  handovers.look();
  assert.equal(said.length, 1, 'it is being taken');
});

test('where nobody takes, workers keep their connections and nobody waits for them', async (t) => {
  const { handovers, workers, path } = scene(t);
  const [first, second] = workers;
  handovers.giveAway(null);
  first.state = 'draining';
  assert.equal(handovers.pathFor(first), null);
  await handovers.settled(0, 60_000);
  handovers.takeBack();
  assert.equal(handovers.pathFor(second), path(12));
});

test('an orphan that nobody can take from is tried three times, and those that come later are found', async (t) => {
  const { handovers, workers, path, said } = scene(t);
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  handovers.takeOver();
  t.after(() => handovers.close());
  const fail = (): void => {
    const [pid, its] = said.at(-1) ?? assert.fail();
    const taker = workers.find((it) => it.pid === pid) ?? assert.fail();
    handovers.receive(taker, adopted(its, 'it said what is not understood', 0));
  };
  t.mock.timers.tick(10_000);
  assert.equal(said.length, 0);
  await orphanAt(t, path(99));
  for (let look = 1; look <= 5; look++) {
    t.mock.timers.tick(5000);
    fail();
  }
  assert.deepEqual(
    said.map(([, its]) => its),
    [path(99), path(99), path(99)],
  );
  await orphanAt(t, path(98));
  t.mock.timers.tick(5000);
  assert.deepEqual(said.at(-1)?.[1], path(98));
  handovers.giveAway(null);
  await orphanAt(t, path(97));
  t.mock.timers.tick(5000);
  assert.equal(said.length, 4, 'these are for another primary');
});
