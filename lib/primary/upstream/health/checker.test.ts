import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { overlay, profileFor, toRuntime } from '../../../../config/tune.ts';
import { takeTurns } from '../../../engine/source.ts';
import { standingOf } from '../backend.ts';
import type { CheckResult, Standing } from './evidence.ts';
import { EXTRA_MS, nextStart, startChecker, type CheckerOptions, type Target } from './checker.ts';
import { createPool, step } from '../pool.ts';
import type { Round, TcpRounds } from '../../../engine/tcp-rounds.ts';
import type { CoalescedTimers } from './coalesced-timers.ts';
import type { Connect, Ways } from './probe.ts';
import type { Resolution, Resolver } from '../discovery/resolver.ts';

/** The resolver methods that a checker does not use. */
const OTHERWISE = {
  services: () => Promise.resolve({ records: [], ttlMs: Infinity }),
  known: () => null,
  use: () => undefined,
  close: () => undefined,
};

const LONG = 20_000;

function target(changes: Partial<Target> = {}): Target {
  return {
    host: '127.0.0.1',
    port: 1,
    preamble: null,
    question: null,
    sources: [],
    source: () => undefined,
    check: 'tcp',
    isChecked: true,
    intervalMs: LONG,
    upIntervalMs: LONG,
    timeoutMs: LONG,
    dnsMaxAgeMs: LONG,
    ...changes,
  };
}

/** Resolves names as given; literals resolve to themselves. */
function resolverFor(names: Record<string, Resolution> = {}): Resolver {
  const resolve = (host: string) => Promise.resolve(names[host] ?? ({ ok: true, ips: [host], ageMs: 0 } as const));
  return {
    resolve,
    fresh: resolve,
    services: () => Promise.resolve({ records: [], ttlMs: Infinity }),
    known: () => null,
    use: () => undefined,
    lifeLeft: () => Promise.resolve(LONG),
    close: () => undefined,
  };
}

/** Calls exactly at the given time. */
function exact(now = () => performance.now()): CoalescedTimers {
  return {
    at(time, call) {
      const timer = setTimeout(call, Math.max(0, time - now()));
      return { cancel: () => clearTimeout(timer) };
    },
  };
}

/** A checker that is stopped with the test, its results, and a way to wait for the next one. */
function check(t: TestContext, first: Target, { connect, ...options }: Partial<CheckerOptions> & Ways = {}) {
  const said: string[] = [];
  const results: CheckResult[] = [];
  let waiting: (() => void)[] = [];
  const say = (word: string) => {
    said.push(word);
    for (const wake of waiting) wake();
    waiting = [];
  };
  const checker = startChecker(first, {
    resolver: resolverFor(),
    onResult(result) {
      results.push(result);
      if (result.kind === 'resolved') say(`at ${result.ips.join(' ')}`);
      if (result.kind === 'passed') say(result.source === 'check' ? `up ${result.ip}` : 'reached');
      if (result.kind === 'failed') say(result.cause);
    },
    onShortage: () => say('short'),
    standing: () => 'not_up',
    isGuarded: () => false,
    ways: () => ({ connect }),
    timers: exact(options.now),
    ...options,
  });
  t.after(() => checker.stop());
  async function until(count: number): Promise<string[]> {
    while (said.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    return said;
  }
  return { checker, said, results, until };
}

async function serve(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

/** Connects that fail with `code`, or never end if it is null. */
function broken(code: string | null) {
  const sockets: Socket[] = [];
  const connect: Connect = () => {
    const socket = new Socket();
    sockets.push(socket);
    if (code !== null) process.nextTick(() => fail(socket, code));
    return socket;
  };
  return { connect, sockets };
}

function fail(socket: Socket | undefined, code: string): void {
  socket?.destroy(Object.assign(new Error(code), { code }));
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('a backend is checked at once and then again and again', async (t) => {
  const port = await serve(t);
  const { until, results } = check(t, target({ port, intervalMs: 5 }));
  const said = await until(4);
  assert.deepEqual(said.slice(0, 4), ['at 127.0.0.1', 'up 127.0.0.1', 'up 127.0.0.1', 'up 127.0.0.1']);
  assert.ok(results.every((result) => result.kind === 'resolved' || result.durationMs >= 0));
});

test('checks come from all sources in turn', async (t) => {
  const port = await serve(t);
  const from: unknown[] = [];
  const connect: Connect = (options) => {
    from.push(options.localAddress);
    return new Socket().connect(options);
  };
  const sources = ['127.0.0.2', '127.0.0.3'];
  const { until } = check(t, target({ port, intervalMs: 5, sources, source: takeTurns(sources) }), { connect });
  await until(5);
  assert.deepEqual(from.slice(0, 4), [...sources, ...sources]);
});

test('a name that does not resolve is a failed check, without a connect', async (t) => {
  const { connect, sockets } = broken(null);
  const gone: Resolution = { ok: false, code: 'ENOTFOUND', ips: ['10.0.0.1'], ageMs: 5 };
  const { until } = check(t, target({ host: 'db' }), { connect, resolver: resolverFor({ db: gone }) });
  assert.deepEqual(await until(1), ['dns']);
  assert.equal(sockets.length, 0);
});

test('addresses are told when they change', async (t) => {
  const { connect } = broken('ECONNREFUSED');
  const names: Record<string, Resolution> = { db: { ok: true, ips: ['10.0.0.1'], ageMs: 0 } };
  const { until } = check(t, target({ host: 'db', intervalMs: 5 }), { connect, resolver: resolverFor(names) });
  await until(3);
  names['db'] = { ok: true, ips: ['10.0.0.2', '10.0.0.3'], ageMs: 0 };
  const reported = async () => {
    for (let count = 4; ; count++) {
      const found = (await until(count)).filter((word) => word.startsWith('at'));
      if (found.length > 1) return found;
    }
  };
  assert.deepEqual(await reported(), ['at 10.0.0.1', 'at 10.0.0.2 10.0.0.3']);
});

test('our own shortage is no result', async (t) => {
  const { connect } = broken('EMFILE');
  const { until } = check(t, target(), { connect });
  assert.deepEqual(await until(2), ['at 127.0.0.1', 'short']);
});

test('the address that answered is tried first next time', async (t) => {
  const port = await serve(t);
  const tried: string[] = [];
  const connect: Connect = (options) => {
    tried.push(options.host);
    const socket = new Socket();
    if (options.host === '127.0.0.1') return socket.connect(options);
    process.nextTick(() => fail(socket, 'ECONNREFUSED'));
    return socket;
  };
  const names: Record<string, Resolution> = { db: { ok: true, ips: ['10.0.0.1', '127.0.0.1'], ageMs: 0 } };
  const { until } = check(t, target({ host: 'db', port, intervalMs: 5 }), { connect, resolver: resolverFor(names) });
  const said = await until(3);
  assert.deepEqual(said.slice(0, 3), ['at 10.0.0.1 127.0.0.1', 'up 127.0.0.1', 'up 127.0.0.1']);
  assert.deepEqual(tried.slice(0, 3), ['10.0.0.1', '127.0.0.1', '127.0.0.1']);
});

test('a failed connect brings the next check forward, but not more often than every EXTRA_MS', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const { connect, sockets } = broken('ECONNREFUSED');
  const { checker } = check(t, target({ intervalMs: 10_000 }), { connect, now: () => Date.now() });
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    for (let i = 0; i < 5; i++) await settle();
    return sockets.length;
  };
  assert.equal(await pass(0), 1);
  assert.equal(await pass(50), 1);
  checker.checkNow();
  checker.checkNow();
  assert.equal(await pass(0), 2);
  checker.checkNow();
  assert.equal(await pass(EXTRA_MS - 1), 2);
  assert.equal(await pass(1), 3);
  assert.equal(await pass(9000 - 1), 3, 'the schedule starts again with the extra check');
  assert.equal(await pass(2001), 4);
  checker.retarget(target({ intervalMs: 500 }));
  assert.equal(await pass(499), 4);
  assert.equal(await pass(1), 5, 'a shorter interval counts at once');
  checker.stop();
  assert.equal(await pass(60_000), 5);
});

test('while a backend is steady it is checked at the longer interval, from the result on that says so', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const { connect, sockets } = broken('ECONNREFUSED');
  let steady = false;
  const { checker } = check(t, target({ intervalMs: 500, upIntervalMs: 2000 }), {
    connect,
    now: () => Date.now(),
    random: () => 0.5,
    standing: () => (steady ? 'steady' : 'not_up'),
    onResult: (result) => (steady = result.kind === 'failed' && sockets.length === 2),
  });
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    for (let i = 0; i < 5; i++) await settle();
    return sockets.length;
  };
  assert.equal(await pass(0), 1);
  assert.equal(await pass(499), 1);
  assert.equal(await pass(1), 2);
  assert.equal(await pass(1999), 2);
  assert.equal(await pass(1), 3);
  assert.equal(await pass(499), 3, 'not up any more');
  assert.equal(await pass(1), 4);
  steady = true;
  checker.retarget(target({ intervalMs: 500, upIntervalMs: 100 }));
  assert.equal(await pass(99), 4);
  assert.equal(await pass(1), 5);
});

/** A fake clock, and connects that are accepted. */
function accepted(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let connects = 0;
  const connect: Connect = () => {
    connects++;
    const socket = new Socket();
    process.nextTick(() => {
      socket.emit('connect');
      // Destroy at once, before the fake clock fires for it: that confuses Node 20's mock timers.
      socket.destroy();
    });
    return socket;
  };
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    for (let i = 0; i < 5; i++) await settle();
    return connects;
  };
  const always = { connect, now: () => Date.now(), random: () => 0.5, standing: () => 'steady' as const };
  return { pass, options: always };
}

test('while clients reach a backend nothing else connects to it, and its check comes once they do not', async (t) => {
  const { pass, options } = accepted(t);
  const { checker, results } = check(t, target({ intervalMs: 500, upIntervalMs: 2000 }), options);
  assert.equal(await pass(0), 1);
  for (let second = 1; second <= 10; second++) {
    await pass(600);
    const began = Date.now();
    await pass(400);
    checker.reached(began);
    checker.reached(began - 50);
  }
  assert.equal(await pass(0), 1);
  const stood = results.filter((result) => result.kind === 'passed' && result.source === 'connect');
  assert.ok(stood.length >= 4, `told ${stood.length} times`);
  const last = Date.now() - 400;
  const lastStood = stood.at(-1);
  assert.ok(lastStood?.kind === 'passed' && lastStood.began <= last);
  assert.equal(await pass(last + 2000 - Date.now() - 1), 1);
  assert.equal(await pass(1), 2, 'two seconds after the last of them began');
});

test("after a client's connect has failed a check is made, however many others succeeded", async (t) => {
  const { pass, options } = accepted(t);
  const { checker } = check(t, target({ upIntervalMs: 2000 }), options);
  assert.equal(await pass(0), 1);
  assert.equal(await pass(500), 1);
  checker.reached(Date.now());
  checker.checkNow();
  assert.equal(await pass(0), 2);
});

test('a backend in doubt is checked although a client was connected to it before that', async (t) => {
  const { pass, options } = accepted(t);
  let now: Standing = 'steady';
  const { checker } = check(t, target({ intervalMs: 500, upIntervalMs: 500 }), { ...options, standing: () => now });
  assert.equal(await pass(0), 1);
  await pass(400);
  checker.reached(Date.now());
  now = 'in_doubt';
  assert.equal(await pass(100), 2);
});

test('a backend that is up and in doubt is checked again after 0.3 s, or sooner where its intervals are shorter', async (t) => {
  const { pass, options } = accepted(t);
  let now: Standing = 'in_doubt';
  const first = target({ intervalMs: 1000, upIntervalMs: 2000 });
  const { checker } = check(t, first, { ...options, standing: () => now });
  assert.equal(await pass(0), 1);
  assert.equal(await pass(299), 1);
  assert.equal(await pass(1), 2);
  for (const [intervalMs, upIntervalMs] of [
    [50, 2000],
    [1000, 50],
  ] as const) {
    checker.retarget(target({ intervalMs, upIntervalMs }));
    const before = await pass(0);
    assert.equal(await pass(49), before);
    assert.equal(await pass(1), before + 1);
  }
  now = 'not_up';
  checker.retarget(first);
  const before = await pass(50);
  assert.equal(await pass(999), before, 'one that is down has the interval of the configuration');
  assert.equal(await pass(1), before + 1);
  now = 'steady';
  const steady = await pass(1000);
  assert.equal(await pass(1999), steady, 'and so has one that is well');
  assert.equal(await pass(1), steady + 1);
});

test('where somebody wants few checks, doubt makes more of them by a factor, and not without end', async (t) => {
  const { pass, options } = accepted(t);
  check(t, target({ intervalMs: 60_000, upIntervalMs: 60_000 }), { ...options, standing: () => 'in_doubt' });
  assert.equal(await pass(0), 1);
  assert.equal(await pass(17_999), 1);
  assert.equal(await pass(1), 2);
});

test('where passed checks are waited for, a steady backend is checked as often as any', async (t) => {
  const { pass, options } = accepted(t);
  check(t, target({ intervalMs: 500, upIntervalMs: 2000 }), { ...options, isGuarded: () => true });
  assert.equal(await pass(0), 1);
  assert.equal(await pass(500), 2);
});

test('a name that moves is told when its record is over, and checked at once, however seldom checks are', async (t) => {
  const { pass, options } = accepted(t);
  let ips = ['10.0.0.1'];
  const resolve = () => Promise.resolve({ ok: true, ips, ageMs: 0 } as const);
  const resolver: Resolver = { ...OTHERWISE, resolve, fresh: resolve, lifeLeft: () => Promise.resolve(5000) };
  const { checker, said } = check(t, target({ host: 'db', upIntervalMs: 3_600_000 }), { ...options, resolver });
  assert.equal(await pass(0), 1);
  assert.deepEqual(said, ['at 10.0.0.1', 'up 10.0.0.1']);
  checker.reached(Date.now());
  ips = ['10.0.0.2'];
  assert.equal(await pass(4999), 1);
  await pass(3);
  assert.equal(await pass(0), 2);
  assert.deepEqual(said.slice(2), ['at 10.0.0.2', 'up 10.0.0.2']);
  checker.stop();
  ips = ['10.0.0.3'];
  assert.equal(await pass(60_000), 2);
  assert.equal(said.length, 4);
});

test('what a check finds at an address that the name has left meanwhile is no result', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const { connect, sockets } = broken(null);
  let ips = ['10.0.0.1'];
  const resolve = () => Promise.resolve({ ok: true, ips, ageMs: 0 } as const);
  const resolver: Resolver = { ...OTHERWISE, resolve, fresh: resolve, lifeLeft: () => Promise.resolve(1000) };
  const { said } = check(t, target({ host: 'db' }), { connect, resolver, now: () => Date.now() });
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    for (let i = 0; i < 5; i++) await settle();
  };
  await pass(0);
  assert.equal(sockets.length, 1);
  ips = ['10.0.0.2'];
  await pass(1002);
  assert.deepEqual(said, ['at 10.0.0.1', 'at 10.0.0.2']);
  fail(sockets[0], 'ECONNREFUSED');
  for (let i = 0; i < 5; i++) await settle();
  await pass(0);
  assert.equal(sockets.length, 2, 'the new one is looked at instead');
  fail(sockets[1], 'EHOSTUNREACH');
  for (let i = 0; i < 5; i++) await settle();
  assert.deepEqual(said.slice(2), ['unreachable']);
});

test('one that is not checked is never connected to, but what clients reach is told, and its name is followed', async (t) => {
  const { pass, options } = accepted(t);
  let ips: readonly string[] = [];
  const resolve = () =>
    Promise.resolve(
      ips.length > 0
        ? ({ ok: true, ips, ageMs: 0 } as const)
        : ({ ok: false, code: 'ENOTFOUND', ips, ageMs: null } as const),
    );
  const resolver: Resolver = { ...OTHERWISE, resolve, fresh: resolve, lifeLeft: () => Promise.resolve(5000) };
  const first = target({ host: 'db', check: 'none', isChecked: false, intervalMs: 500, upIntervalMs: 2000 });
  const { checker, said } = check(t, first, { ...options, resolver });
  await pass(0);
  assert.deepEqual(said, ['dns'], 'without an address it cannot be reached');
  ips = ['10.0.0.1'];
  await pass(2000);
  checker.checkNow();
  await pass(2000);
  assert.deepEqual(said.slice(1), ['at 10.0.0.1']);
  checker.reached(Date.now());
  await pass(2000);
  await pass(2000);
  assert.deepEqual(said.slice(2), ['reached'], 'once');
  ips = ['10.0.0.2'];
  await pass(5002);
  assert.deepEqual(said.slice(3), ['at 10.0.0.2']);
  ips = [];
  await pass(5002);
  assert.deepEqual(said.slice(4), [], 'the address stays');
  assert.equal(await pass(0), 0);
  ips = ['10.0.0.2'];
  checker.retarget({ ...first, isChecked: true, check: 'tcp' });
  assert.equal(await pass(0), 1, 'a reload that wants checks gets one at once');
});

test('with the defaults a backend that dies at rest is down within 3 s, however many backends there are', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  for (const backends of [1, 5, 100]) {
    const runtime = toRuntime(overlay(profileFor(backends), []));
    const plan = {
      host: '127.0.0.1',
      port: 1,
      address: '127.0.0.1:1',
      weight: 1,
      backup: false,
      rank: 0,
      maxConnections: 0,
      sendProxy: null,
      sources: [],
      discover: 'address' as const,
      discoveredFrom: null,
      hostname: null,
    };
    const settings = { ...runtime, isChecked: true, connectStandsForCheck: true, checkStandsForConnect: true };
    let pool = createPool([plan], settings);
    const backend = () => pool.backends[0] ?? assert.fail();
    let alive = true;
    const connect: Connect = () => {
      const socket = new Socket();
      process.nextTick(() => (alive ? socket.emit('connect') : fail(socket, 'ECONNREFUSED')));
      return socket;
    };
    const { healthIntervalMs: intervalMs, healthUpIntervalMs: upIntervalMs, fall } = runtime;
    const { checker } = check(t, target({ intervalMs, upIntervalMs }), {
      connect,
      now: () => Date.now(),
      // The longest interval that jitter allows.
      random: () => 1,
      standing: () => standingOf(backend(), settings),
      onResult(result) {
        if (result.kind === 'passed') pool = step(pool, { ...result, backend: 0 }, Date.now()).pool;
        if (result.kind === 'failed') pool = step(pool, { ...result, backend: 0 }, Date.now()).pool;
      },
    });
    const pass = async (ms: number) => {
      t.mock.timers.tick(ms);
      for (let i = 0; i < 5; i++) await settle();
    };
    await pass(0);
    assert.equal(backend().health, 'up');
    // Right after a check, so that the next one is as far off as possible.
    alive = false;
    let waited = 0;
    for (; backend().health === 'up'; waited += 10) await pass(10);
    // Jitter adds at most a tenth; each step of the clock may add one step.
    const worst = 1.1 * (upIntervalMs + (fall - 1) * 300) + 10 * fall;
    assert.ok(worst <= 3000 && waited <= worst && waited > upIntervalMs, `${waited} ms, at most ${worst} ms`);
    checker.stop();
  }
});

test('a connect that fails while a check is under way is looked at after it', async (t) => {
  const { connect, sockets } = broken(null);
  const { checker, until } = check(t, target(), { connect });
  await until(1);
  await settle();
  assert.equal(sockets.length, 1);
  checker.checkNow();
  fail(sockets[0], 'ECONNREFUSED');
  assert.equal((await until(2))[1], 'refused');
  while (sockets.length < 2) await settle();
});

test('stop() ends a check under way, says nothing more and leaves no socket', async (t) => {
  const { connect, sockets } = broken(null);
  const { checker, until, said } = check(t, target(), { connect });
  await until(1);
  await settle();
  assert.equal(sockets.length, 1);
  checker.stop();
  checker.checkNow();
  await settle();
  assert.ok(sockets.every((socket) => socket.destroyed));
  assert.deepEqual([said.length, sockets.length], [1, 1]);
});

test('who stops it on hearing an address is heard', async (t) => {
  const { connect, sockets } = broken(null);
  await new Promise<void>((resolve) => {
    const { checker } = check(t, target(), {
      connect,
      onResult() {
        checker.stop();
        resolve();
      },
      onShortage: () => assert.fail(),
    });
  });
  for (let i = 0; i < 5; i++) await settle();
  assert.equal(sockets.length, 0);
});

test('nextStart() keeps the rhythm and skips what was missed', () => {
  assert.equal(nextStart(100, 50, 101), 150);
  assert.equal(nextStart(100, 50, 150), 150);
  assert.equal(nextStart(100, 50, 151), 200);
  assert.equal(nextStart(100, 50, 1000), 1000);
});

/** Rounds whose checks the test decides. `finishes`: a check is always under way. */
function manualRounds(finishes = false) {
  const begun: Round[] = [];
  const ended = new Set<Round>();
  const reached: number[] = [];
  const tcpRounds: TcpRounds = {
    begin(round) {
      begun.push(round);
      return {
        reached: (began) => reached.push(began),
        end(mayFinish = false) {
          ended.add(round);
          return mayFinish && finishes;
        },
      };
    },
    collect: () => undefined,
    close: () => undefined,
  };
  return { begun, ended, reached, tcpRounds };
}

/** The checker of a backend that is up at an address of this machine, and left to `tcpRounds`. */
async function steady(
  t: TestContext,
  changes: Partial<Target> = {},
  options: Partial<CheckerOptions> = {},
  finishes = false,
) {
  const rounds = manualRounds(finishes);
  const first = target({ port: await serve(t), ...changes });
  const ways = (): Ways => ({ tcpRounds: rounds.tcpRounds });
  const checked = check(t, first, { standing: () => 'steady', ways, ...options });
  await checked.until(2);
  await settle();
  return { ...rounds, ...checked, first };
}

test('a steady backend is left to the addon, whose results are reported as those of checks', async (t) => {
  const { begun, ended, results, said, until } = await steady(t, { upIntervalMs: 500, timeoutMs: 70 });
  const [round, ...others] = begun;
  assert.ok(round !== undefined && others.length === 0);
  const { ip, periodMs, timeoutMs, inMs } = round;
  assert.deepEqual({ ip, periodMs, timeoutMs }, { ip: '127.0.0.1', periodMs: 500, timeoutMs: 70 });
  assert.ok(inMs > 0 && inMs <= 550, String(inMs));
  const began = performance.now();
  round.passed(7, began, false);
  const { kind, ...result } = results.at(-1) ?? assert.fail();
  assert.ok(kind === 'passed' && 'count' in result);
  assert.deepEqual([result.source, result.ip, result.count, result.began], ['check', '127.0.0.1', 7, began]);
  assert.ok(Math.abs(result.wall - Date.now()) < 1000);
  assert.equal(ended.size, 0);
  round.failed('ECONNREFUSED', began);
  assert.deepEqual((await until(4)).slice(2), ['up 127.0.0.1', 'refused']);
  assert.equal(said.length, 4);
});

test('a shortage in the addon is none of the backend', async (t) => {
  const { begun, until } = await steady(t);
  begun[0]?.failed('EMFILE', performance.now());
  assert.deepEqual((await until(3)).slice(2), ['short']);
  assert.equal(begun.length, 2, 'it goes on');
});

for (const [what, options] of [
  ['in doubt', { standing: (): Standing => 'in_doubt' }],
  ['of a protected service', { isGuarded: () => true }],
] as const) {
  test(`a backend ${what} is not left to the addon`, async (t) => {
    assert.equal((await steady(t, {}, options)).begun.length, 0);
  });
}

for (const [what, changes] of [
  ['with a preamble', { preamble: Buffer.from('x') }],
  ['with a source', { sources: ['127.0.0.1'], source: () => '127.0.0.1' }],
] as const) {
  test(`a check ${what} is not left to the addon`, async (t) => {
    assert.equal((await steady(t, changes)).begun.length, 0);
  });
}

test('the addon learns which clients reach the backend, and says for which checks they stood', async (t) => {
  const { checker, begun, ended, reached, results } = await steady(t);
  const began = performance.now();
  checker.reached(began);
  checker.reached(began - 1000);
  assert.deepEqual([reached.filter(Number.isFinite), ended.size], [[began, began], 0]);
  begun[0]?.trusted(3, began);
  const { kind, ...result } = results.at(-1) ?? assert.fail();
  assert.ok(kind === 'passed' && 'count' in result);
  assert.deepEqual([result.source, result.ip, result.count, result.began], ['connect', null, 3, began]);
  checker.retarget(target({ port: 9, upIntervalMs: 50 }));
  assert.equal(reached.at(-1), began, 'the next round, too');
});

test('the addon lets go of a backend that clients cannot reach, or that is wanted otherwise', async (t) => {
  for (const act of ['checkNow', 'stop'] as const) {
    const { checker, begun, ended, until } = await steady(t);
    checker[act]();
    assert.deepEqual([...ended], begun, act);
    if (act === 'checkNow') assert.equal((await until(3)).at(-1), 'up 127.0.0.1');
  }
  const { checker, begun, ended, first } = await steady(t);
  checker.retarget({ ...first, upIntervalMs: 77 });
  assert.deepEqual([ended.size, begun.map(({ periodMs }) => periodMs)], [1, [LONG, 77]]);
  assert.ok((begun[1]?.inMs ?? Infinity) <= 77, 'not after the new interval');
});

test('a backend is taken back from the addon when its service becomes protected, and left to it again afterwards', async (t) => {
  let isGuarded = false;
  const { checker, begun, ended } = await steady(t, { intervalMs: LONG / 2 }, { isGuarded: () => isGuarded });
  isGuarded = true;
  checker.replan();
  assert.deepEqual([begun.length, ended.size], [1, 1]);
  isGuarded = false;
  checker.replan();
  assert.deepEqual([begun.length, ended.size], [2, 1]);
  assert.ok((begun[1]?.inMs ?? Infinity) <= LONG / 2);
});

test('a backend that has become doubtful is taken back from the addon with the next result', async (t) => {
  let standing: Standing = 'steady';
  const { begun, ended, until } = await steady(t, { intervalMs: 20 }, { standing: () => standing });
  standing = 'not_up';
  begun[0]?.passed(1, performance.now(), false);
  assert.equal(ended.size, 1);
  assert.deepEqual((await until(5)).slice(2), ['up 127.0.0.1', 'up 127.0.0.1', 'up 127.0.0.1']);
});

test('a check that is under way in the addon is not repeated for a reload or a client, but awaited', async (t) => {
  for (const passes of [true, false]) {
    const { checker, begun, ended, first, said, until } = await steady(t, {}, {}, true);
    const began = performance.now();
    checker.retarget({ ...first, upIntervalMs: LONG - 1 });
    checker.retarget({ ...first, upIntervalMs: LONG - 2 });
    assert.deepEqual([begun.length, ended.size], [1, 1]);
    if (passes) begun[0]?.passed(2, began, true);
    else begun[0]?.failed('ETIMEDOUT', began);
    assert.equal(said.length, 3);
    assert.equal((await until(3)).at(-1), passes ? 'up 127.0.0.1' : 'timeout');
    assert.equal(begun.length, 2, 'it goes on');
    checker.checkNow();
    assert.equal(said.length, 3);
    begun[1]?.failed('ETIMEDOUT', performance.now());
    assert.deepEqual((await until(5)).slice(3), ['timeout', 'up 127.0.0.1']);
  }
});

test('what the addon finds for another check than the one that is wanted now is no result', async (t) => {
  const { checker, begun, first, until } = await steady(t, {}, {}, true);
  checker.retarget({ ...first, check: 'other' });
  begun[0]?.failed('ECONNREFUSED', performance.now());
  assert.deepEqual((await until(3)).slice(2), ['up 127.0.0.1']);
});

test('a backend whose name does not resolve any more is taken back from the addon', async (t) => {
  const good: Resolution = { ok: true, ips: ['127.0.0.1'], ageMs: 0 };
  let answer: Resolution = good;
  const resolve = (): Promise<Resolution> => Promise.resolve(answer);
  const resolver: Resolver = { ...OTHERWISE, resolve, fresh: resolve, lifeLeft: () => Promise.resolve(50) };
  const changes = { host: 'db.test', upIntervalMs: 100, intervalMs: 100 };
  const { begun, ended, until } = await steady(t, changes, { resolver });
  answer = { ok: false, code: 'ENOTFOUND', ips: ['127.0.0.1'], ageMs: 1 };
  assert.deepEqual((await until(3)).slice(2), ['dns']);
  assert.deepEqual([...ended], begun);
  const { length } = begun;
  answer = good;
  while (begun.length === length) await new Promise((later) => setTimeout(later, 5));
});
