// Tests the checks that the addon repeats, against real sockets: what is reported, and how the server sees each one end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { blackHole, openLateEcho } from '../testing/black-hole.ts';
import { freePort } from '../testing/ports.ts';
import { until } from '../testing/until.ts';
import { loadAddon } from './addon.ts';
import { openTcpRounds, type RunningRound, type TcpRounds } from './tcp-rounds.ts';

const loaded = loadAddon();
const options = { skip: loaded.ok ? false : `no native engine: ${loaded.reason}` };
const descriptors = (): number => readdirSync('/proc/self/fd').length;

function open(t: TestContext): TcpRounds {
  assert.ok(loaded.ok);
  const rounds = openTcpRounds(loaded.addon);
  t.after(() => rounds.close());
  return rounds;
}

/** Begins a round, and keeps what it reports. */
function begin(rounds: TcpRounds, port: number, { ip = '127.0.0.1', periodMs = 25, timeoutMs = 5000 } = {}) {
  const seen = {
    passes: 0,
    calls: 0,
    failure: '',
    began: -Infinity,
    last: false,
    trusts: 0,
    reachedAt: -Infinity,
  };
  const running = rounds.begin({
    ip,
    port,
    inMs: 0,
    periodMs,
    timeoutMs,
    passed(count, began, isLast) {
      assert.ok(seen.failure === '' && !seen.last, 'nothing follows a failure, or the last one');
      seen.last = isLast;
      assert.ok(count >= 1 && began >= seen.began && began <= performance.now(), `${count} at ${began}`);
      seen.passes += count;
      seen.calls++;
      seen.began = began;
    },
    trusted(count, began) {
      assert.ok(count >= 1 && began <= seen.reachedAt + 1, `${count} at ${began}`);
      seen.trusts += count;
    },
    failed(code, began) {
      assert.ok(began >= seen.began && began <= performance.now(), `failed at ${began}`);
      seen.failure = code;
    },
  });
  assert.ok(running !== null);
  return Object.assign(seen, {
    end: (mayFinish?: boolean) => running.end(mayFinish),
    reached(began: number) {
      seen.reachedAt = Math.max(seen.reachedAt, began);
      running.reached(began);
    },
  });
}

/** A server, the number of connections that came, and how they ended: `end`, or an errno's name. */
async function serve(t: TestContext, met: (socket: Socket) => void = () => undefined, host = '127.0.0.1') {
  const seen = { came: 0, ends: new Set<string>(), over: 0, port: 0 };
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    seen.came++;
    socket.on('end', () => seen.ends.add('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => seen.ends.add(error.code ?? 'error'));
    socket.on('close', () => seen.over++);
    socket.resume();
    met(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return Object.assign(seen, { port: address.port });
}

const closeToo = (socket: Socket): unknown => socket.on('end', () => socket.end());

test('a check repeats and is reported in sums, and no server sees a reset', options, async (t) => {
  const rounds = open(t);
  const before = descriptors();
  const [v4, v6] = [await serve(t, closeToo), await serve(t, closeToo, '::1')];
  const seen = [begin(rounds, v4.port), begin(rounds, v6.port, { ip: '::1' })];
  // After the first ones each is closed at once.
  await until('forty have come to each', () => v4.came >= 40 && v6.came >= 40);
  rounds.collect();
  assert.ok(
    seen.every(({ passes, calls }) => passes >= 38 && calls < passes / 2),
    JSON.stringify(seen),
  );
  for (const { end } of seen) end();
  await until('all are over', () => v4.over === v4.came && v6.over === v6.came && descriptors() === before + 2);
  assert.deepEqual([[...v4.ends], [...v6.ends]], [['end'], ['end']]);
  rounds.close();
  rounds.close();
  // Two listening sockets more; the timer and the epoll set less.
  assert.equal(descriptors(), before);
});

test('a server that speaks first, at once or when told goodbye, or that is slow, sees no reset', options, async (t) => {
  const rounds = open(t);
  const greets = await serve(t, (socket) => {
    socket.write('SSH-2.0-sample\r\n');
    closeToo(socket);
  });
  const replies = await serve(t, (socket) => socket.on('end', () => socket.end('bye\r\n')));
  const slow = await serve(t, (socket) => socket.on('end', () => setTimeout(() => socket.end('late\r\n'), 300)));
  const servers = [greets, replies, slow];
  const seen = servers.map(({ port }) => begin(rounds, port));
  await until('forty have come to each', () => servers.every(({ came }) => came >= 40));
  for (const { end } of seen) end();
  await until('all are over', () => servers.every(({ came, over }) => over === came));
  assert.deepEqual(
    servers.map(({ ends }) => [...ends]),
    [['end'], ['end'], ['end']],
  );
});

test(
  'a check that does not pass is reported at once, after those that have passed, and ends the round',
  options,
  async (t) => {
    const rounds = open(t);
    const server = createServer((socket) => socket.resume().on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const dies = begin(rounds, address.port);
    const never = begin(rounds, await freePort());
    const hole = await blackHole(t);
    const hangs = begin(rounds, hole, { timeoutMs: 50 });
    await until('the others have failed', () => never.failure !== '' && hangs.failure !== '');
    rounds.collect();
    server.close();
    await until('the first has failed', () => dies.failure !== '');
    assert.deepEqual([dies.failure, never.failure, hangs.failure], ['ECONNREFUSED', 'ECONNREFUSED', 'ETIMEDOUT']);
    assert.ok(dies.passes > 0);
    assert.equal(never.passes + hangs.passes, 0);
    for (const { end } of [dies, never, hangs]) end();
  },
);

test('what is no address has no round', options, (t) => {
  const rounds = open(t);
  const round = {
    port: 1,
    inMs: 0,
    periodMs: 1,
    timeoutMs: 1,
    passed: () => assert.fail(),
    trusted: () => assert.fail(),
    failed: () => assert.fail(),
  };
  for (const ip of ['', 'db.example', '/run/a.sock', '1.2.3.4.5', 'x'.repeat(1000)]) {
    assert.equal(rounds.begin({ ...round, ip }), null, ip);
  }
  assert.equal(rounds.begin({ ...round, ip: '127.0.0.1', port: 0 }), null);
  rounds.close();
  assert.equal(rounds.begin({ ...round, ip: '127.0.0.1' }), null);
});

test(
  'a thousand rounds come and go, also from within their reports, and none is told another one’s results',
  options,
  async (t) => {
    const rounds = open(t);
    const good = await serve(t, closeToo);
    const bad = await freePort();
    const told = { passed: 0, failed: 0, wrong: 0 };
    const all: RunningRound[] = [];
    let begun = 0;

    function beginOne(): void {
      const isGood = begun++ % 3 > 0;
      let isOver = false;
      const running = rounds.begin({
        ip: '127.0.0.1',
        port: isGood ? good.port : bad,
        inMs: begun % 50,
        periodMs: 10_000,
        timeoutMs: 5000,
        passed(count) {
          told.passed += count;
          if (!isGood || isOver || count !== 1) told.wrong++;
          isOver = true;
          running?.end();
          if (begun < 1200) beginOne();
        },
        trusted: () => assert.fail(),
        failed() {
          told.failed++;
          if (isGood || isOver) told.wrong++;
          isOver = true;
          if (begun < 1200) beginOne();
        },
      });
      assert.ok(running !== null);
      all.push(running);
    }

    for (let i = 0; i < 600; i++) beginOne();
    await until('all are told', () => {
      rounds.collect();
      return told.passed + told.failed === 1200;
    });
    assert.deepEqual(told, { passed: 800, failed: 400, wrong: 0 });
    for (const running of all) running.end();
  },
);

test('a round that was ended reports nothing, also what passed before', options, async (t) => {
  const rounds = open(t);
  const server = await serve(t, closeToo);
  const seen = begin(rounds, server.port);
  await until('some have come', () => server.came > 3);
  const { passes } = seen;
  seen.end();
  seen.end();
  rounds.collect();
  assert.equal(seen.passes, passes);
  const came = server.came;
  const next = begin(rounds, server.port);
  await until('the next one is checked', () => server.came > came + 1);
  rounds.collect();
  assert.ok(next.passes > 0);
  assert.equal(seen.passes, passes);
});

test(
  'a round that may finish reports what has passed, and ends with the check that is under way',
  options,
  async (t) => {
    const rounds = open(t);
    const server = await serve(t, closeToo);
    const idle = begin(rounds, server.port);
    await until('some have come', () => server.came > 3);
    assert.equal(idle.end(true), false);
    // The server may hear of the last one later, and of none besides.
    await until('all that have passed have come', () => server.came >= idle.passes);
    assert.equal(idle.passes, server.came);
    assert.equal(idle.last, false);

    const port = await freePort();
    const { accept } = await openLateEcho(t, port);
    const before = descriptors();
    const [late, never] = [begin(rounds, port, { timeoutMs: 60_000 }), begin(rounds, port, { timeoutMs: 200 })];
    await until('both are under way', () => descriptors() >= before + 2);
    assert.deepEqual([late.end(true), never.end(true), late.end(true)], [true, true, true]);
    await until('one is over', () => never.failure !== '');
    accept();
    await until('so is the other', () => late.last);
    assert.deepEqual([late.passes, late.failure, never.failure, never.passes], [1, '', 'ETIMEDOUT', 0]);
    assert.deepEqual([late.end(true), never.end()], [false, false]);
  },
);

test('a report may end other rounds, and those that may finish report what came with it', options, async (t) => {
  const rounds = open(t);
  const ports = [await freePort(), await freePort(), await freePort()];
  const told: string[] = [];
  const all: (RunningRound | null)[] = [];
  // Whichever is told first.
  function failed(me: number): void {
    told.push(`${me} fails`);
    if (told.length > 1) return;
    const [one, other] = [0, 1, 2].filter((i) => i !== me);
    assert.equal(all[one ?? 0]?.end(true), false);
    assert.deepEqual(told, [`${me} fails`, `${one} fails`]);
    assert.equal(all[other ?? 0]?.end(), false);
  }
  for (const [i, port] of ports.entries()) {
    const order = { ip: '127.0.0.1', port, inMs: 0, periodMs: 60_000, timeoutMs: 5000 };
    const never = { passed: () => assert.fail(), trusted: () => assert.fail() };
    all.push(rounds.begin({ ...order, ...never, failed: () => failed(i) }));
  }
  // Longer than any tick, so that all are collected together.
  const began = performance.now();
  while (performance.now() < began + 40);
  await until('they are told', () => told.length >= 2);
  rounds.collect();
  assert.equal(told.length, 2);
});

test("a client's connect replaces checks for a period, and is told as what it is", options, async (t) => {
  const rounds = open(t);
  const server = await serve(t, closeToo);
  const seen = begin(rounds, server.port, { periodMs: 100 });
  await until('a check has come', () => server.came > 0);
  // Clients connect all the time: no check is made, however long it takes.
  const came = server.came;
  await until('checks are replaced', () => {
    seen.reached(performance.now());
    rounds.collect();
    return seen.trusts >= 5;
  });
  assert.ok(server.came <= came + 1, `${server.came - came} checks besides`);
  seen.reached(performance.now() - 60_000);
  await until('they are made again', () => server.came > came + 2);
  rounds.collect();
  const { trusts } = seen;
  assert.ok(trusts <= 7, `${trusts} times for the last connects`);
  seen.reached(-1e12);
  seen.end();
  seen.reached(performance.now());
  rounds.collect();
  assert.equal(seen.trusts, trusts);
});
