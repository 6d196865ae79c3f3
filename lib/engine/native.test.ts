// Tests what only the native engine has: an addon to load, system calls that may be missing, a loop of its own inside
// Node's, and descriptors that run out.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { backend, client, echo, Peer } from '../testing/engine/peer.ts';
import { rig, SERVICE } from '../testing/engine/rig.ts';
import { until, within } from '../testing/engine/wait.ts';
import { boundTcp, localPort } from '../testing/bound.ts';
import { WAIT } from './engine.ts';
import { loadNativeEngine } from './native.ts';
import { host, type Hosted } from '../testing/native/hosted.ts';
import { linkOf } from '../testing/native/link-of.ts';
import { noSmallBuffers, rerun, small } from '../testing/native/rerun.ts';
import { storm, stormBackends } from '../testing/native/storm.ts';

const loaded = loadNativeEngine();
const skip = loaded.ok ? false : loaded.reason;

/** The engine's factory. Only called in tests that are not skipped. */
function create(...args: Parameters<Extract<typeof loaded, { ok: true }>['create']>) {
  if (!loaded.ok) throw new Error('Cannot happen: the test is skipped');
  return loaded.create(...args);
}

function withAddon(t: TestContext, path: string): void {
  const before = process.env['BAL_NATIVE_ADDON'];
  process.env['BAL_NATIVE_ADDON'] = path;
  t.after(() => {
    if (before === undefined) delete process.env['BAL_NATIVE_ADDON'];
    else process.env['BAL_NATIVE_ADDON'] = before;
  });
}

async function run(file: string, env: NodeJS.ProcessEnv, ...more: readonly (readonly string[])[]): Promise<string> {
  return rerun(new URL(file, import.meta.url), env, ...more);
}

// Must be first: once this process has an engine, its children start with the policy too.
test('a worker does not interrupt those who wake it, unless somebody chose another policy', { skip }, async (t) => {
  /** As in /proc/PID/stat: 0 normal, 3 batch. */
  const policyOf = (it: Hosted): string | undefined =>
    readFileSync(`/proc/${it.process.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[38];
  assert.equal(policyOf(await host(t, [1])), '3');
  assert.equal(policyOf(await host(t, [1], { env: { BAL_NATIVE_DISABLE: 'batch' } })), '0');
});

test('an addon that is not there, or is none, is a reason and not an exception', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bal-native-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'some.node');
  withAddon(t, file);
  const missing = loadNativeEngine();
  assert.ok(!missing.ok);
  assert.match(missing.reason, /some\.node cannot be loaded/);
  writeFileSync(file, 'not a library');
  const broken = loadNativeEngine();
  assert.ok(!broken.ok);
  assert.match(broken.reason, /some\.node cannot be loaded/);
});

test('wrong arguments throw and change nothing', { skip }, (t) => {
  const { engine } = rig(t, create);
  assert.throws(() => engine.route(2 ** 20, 0, '127.0.0.1', 1), { name: 'TypeError', message: /target/ });
  assert.throws(() => engine.route(0, -1, '127.0.0.1', 1), { name: 'TypeError', message: /service/ });
  assert.throws(() => engine.service(0, { ...SERVICE, idleMs: 0 }), { name: 'TypeError', message: /idleMs/ });
  assert.throws(() => engine.service(2 ** 16, SERVICE), { name: 'TypeError', message: /service/ });
  assert.throws(() => engine.route(-1, 0, '127.0.0.1', 1), TypeError);
  assert.throws(() => engine.route(0.5, 0, '127.0.0.1', 1), TypeError);
  assert.throws(() => engine.route(0, 0, 'localhost', 1), { name: 'TypeError', message: /ip/ });
  assert.throws(() => engine.route(0, 0, '1'.repeat(400), 1), TypeError);
  assert.throws(() => engine.route(0, 0, '127.0.0.1', 65_536), { name: 'TypeError', message: /port/ });
  assert.throws(() => engine.decide(0, -4), TypeError);
  assert.throws(() => engine.decide(0, WAIT), TypeError);
  assert.throws(() => engine.decide(Number.NaN, 0), TypeError);
  assert.throws(() => engine.cut({ target: Number.POSITIVE_INFINITY }), TypeError);
  assert.throws(() => engine.clientAddress(-1), TypeError);
  engine.decide(4711, 0);
  assert.equal(engine.cut({ listener: 17 }), 0);
  assert.deepEqual(engine.exhaustion(), {});
});

test('a closed engine throws instead of doing anything', { skip }, () => {
  const none = { accepted: () => -1, failed: () => -1, connected: () => undefined, ended: () => undefined };
  const engine = create(none);
  engine.close();
  assert.throws(() => engine.route(0, 0, '127.0.0.1', 1), { code: 'ERR_INVALID_STATE' });
  engine.close();
  assert.equal(engine.bytes[1], 0, 'the counters can still be read');
});

test('listen() on what cannot listen throws the errno and closes the handle', { skip }, (t) => {
  const { engine } = rig(t, create);
  const file = openSync('/dev/null', 'r');
  t.after(() => closeSync(file));
  let closed = 0;
  const handle = { fd: file, onconnection: null, listen: () => 0, close: () => closed++ };
  const settings = { backlog: 1, keepaliveMs: 0 };
  assert.throws(() => engine.listen(0, handle, settings), { code: 'ENOTSOCK' });
  assert.throws(() => engine.listen(0, { ...handle, fd: 100_000 }, settings), { code: 'EBADF' });
  assert.throws(() => engine.listen(0, handle, { ...settings, backlog: -1 }), TypeError);
  assert.equal(closed, 3);
});

test('the policy may not call back into the engine', { skip }, async (t) => {
  const errors: unknown[] = [];
  const it = rig(t, create, {
    accepted: () => {
      for (const forbidden of [
        () => it.engine.cut({ listener: 0 }),
        () => it.engine.close(),
        () => it.engine.stopAccepting(),
      ]) {
        try {
          forbidden();
        } catch (error) {
          errors.push(error);
        }
      }
      return -1;
    },
  });
  const peer = new Peer(net.connect(it.listen(), '127.0.0.1'));
  assert.equal(await peer.finish(), 'reset');
  assert.equal(errors.length, 3);
});

test('a policy that throws has its client refused, and the error is as uncaught as in a timer', { skip }, async (t) => {
  const { port } = await backend(t, echo);
  const it = await host(t, [port], { behaviour: 'throws' });
  const first = new Peer(net.connect(it.port, '127.0.0.1'));
  assert.equal(await first.finish(), 'reset');
  const second = await client(t, it.port);
  assert.equal(await second.send('served').bytes(6), 'served');
  second.end();
  assert.equal(await second.finish(), 'end');
  const report = await it.report();
  assert.deepEqual(report.ends, { refused: 1, client_closed: 1 });
  assert.equal(report.uncaught, 1);
  assert.equal(await it.close(), 0);
});

test('timers, immediates and promises keep running under the loop', { skip }, async (t) => {
  const order: string[] = [];
  const it = rig(t, create, {
    accepted: () => {
      queueMicrotask(() => order.push('microtask'));
      process.nextTick(() => order.push('tick'));
      setImmediate(() => order.push('immediate'));
      setTimeout(() => order.push('timer'), 1);
      return -1;
    },
  });
  const peer = new Peer(net.connect(it.listen(), '127.0.0.1'));
  await peer.finish();
  await until(() => order.length === 4, 'all have run');
  assert.deepEqual(order.slice(0, 2), ['tick', 'microtask']);
  for (let i = 0; i < 100; i++) await immediate();
});

test('two engines in one process both work, and close one by one', { skip }, async (t) => {
  const { port } = await backend(t, echo);
  const behind = rig(t, create);
  behind.engine.route(0, 0, '127.0.0.1', port);
  const front = rig(t, create);
  front.engine.route(0, 0, '127.0.0.1', behind.listen());
  const peer = await client(t, front.listen());
  assert.equal(await peer.send('through both').bytes(12), 'through both');
  peer.end();
  assert.equal(await peer.finish(), 'end');
  await Promise.all([front.ends(1), behind.ends(1)]);
});

test('engines of an addon that is loaded again wait together with the first', { skip }, (t) => {
  const waiting = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => /eventpoll/.test(linkOf(`/proc/self/fd/${fd}`))).length;
  rig(t, create).listen();
  const before = waiting();
  const again = loadNativeEngine();
  if (!again.ok) throw new Error('Cannot happen: it was loaded before');
  rig(t, again.create).listen();
  assert.equal(waiting(), before, 'one epoll set for all');
});

test('an engine that listens keeps the process alive, a closed one does not', { skip }, async (t) => {
  const { port } = await backend(t, echo);
  const it = await host(t, [port]);
  const peer = await client(t, it.port);
  assert.equal(await peer.send('alive').bytes(5), 'alive');
  assert.equal(await it.close(), 0);
  assert.equal(await peer.finish(), 'end');
});

test('a worker thread with a busy engine can be terminated, and takes its descriptors with it', { skip }, async (t) => {
  const { port } = await backend(t, echo);
  const handle = boundTcp('127.0.0.1', 0);
  const at = localPort(handle);
  t.after(() => handle.close());
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ loadNativeEngine }) => {
      const policy = { accepted: () => 0, failed: () => -1, connected: () => {}, ended: () => {} };
      const engine = loadNativeEngine().create(policy);
      engine.service(0, { connectTimeoutMs: 1000, idleMs: 1000, keepaliveMs: 0, halfClosedMs: 1000 });
      engine.route(0, 0, '127.0.0.1', workerData.port);
      const handle = { fd: workerData.fd, close() {} };
      engine.listen(0, handle, { backlog: 10, keepaliveMs: 0 });
      parentPort.postMessage('listening');
    });`;
  const module = new URL('./native.js', import.meta.url).href;
  const worker = new Worker(code, { eval: true, workerData: { module, port, fd: handle.fd } });
  t.after(() => worker.terminate());
  await within(once(worker, 'message'), 'the thread listens');
  const peer = await client(t, at);
  assert.equal(await peer.send('in a thread').bytes(11), 'in a thread');
  await worker.terminate();
  assert.notEqual(await peer.finish(), 'closed here');
});

for (const lacking of ['splice,exclusive,accept4', 'splice_out', 'uring', 'uring_short']) {
  test(`without ${lacking} the contract holds all the same`, { skip }, async () => {
    const env = { BAL_NATIVE_DISABLE: lacking };
    assert.equal(
      await run('./contract.test.js', env, [
        '--test-name-pattern=^native: (relay|close|pressure)',
        '--test-reporter=tap',
      ]),
      '',
    );
  });
}

test(
  'through the smallest buffers the contract holds and a storm does no harm all the same',
  {
    skip: skip || noSmallBuffers(),
  },
  async () => {
    const args = ['--test-name-pattern=^native: (relay|close)', '--test-reporter=tap'];
    assert.equal(await run('./contract.test.js', {}, args, small), '');
    // Everywhere else one call sends a preamble whole.
    const first = ['--test-name-pattern=^native: (inspect|preamble)', '--test-reporter=tap'];
    assert.equal(await run('./contract-first.test.js', {}, first, small), '');
    // Only this file's storm: in its thousands of rounds one call sends several messages only in part or not at all.
    const alone = ['--test-name-pattern=^a storm', '--test-reporter=tap'];
    assert.equal(await run('./native.test.js', {}, alone, small), '');
  },
);

test(
  'when descriptors run out nothing spins, nobody established suffers, and it recovers by itself',
  { skip },
  async (t) => {
    const { port } = await backend(t, echo);
    const it = await host(t, [port], { descriptors: 60 });
    const before = await it.report();
    const peers: Peer[] = [];
    for (let i = 0; i < 40; i++) peers.push(await client(t, it.port));
    // Each connection takes two descriptors, so the host has run out by now and the rest waits in the kernel's queue.
    await until(() => peers.every((peer) => !peer.socket.connecting), 'all are connected or queued');
    for (const peer of peers) peer.send('x');
    const served = (): number => peers.filter((peer) => peer.received === 1).length;
    await until(() => served() >= 10, 'some are served');
    const short = await within(
      (async () => {
        for (;;) {
          const report = await it.report();
          if (Object.keys(report.exhaustion).length > 0) return report;
        }
      })(),
      'the exhaustion is counted',
    );
    assert.ok(served() < 40, 'not all fit');
    assert.deepEqual(short.ends, {}, 'nobody was turned away');
    for (const name of Object.keys(short.exhaustion)) assert.match(name, /^(accept|socket|pipe) EMFILE$/);
    // Established connections go on. The pause between two tries keeps the core free.
    const first = peers[0];
    assert.ok(first !== undefined);
    const started = performance.now();
    await first.send('y').bytes(2);
    await until(() => performance.now() - started > 400, 'some tries later');
    const later = await it.report();
    assert.ok(later.cpuMs - short.cpuMs < 300, `used ${later.cpuMs - short.cpuMs} ms of the processor`);
    // Served clients leave and so make room for those that wait.
    const leave = setInterval(() => {
      for (const peer of peers) if (peer.received > 0) peer.end();
    }, 10);
    t.after(() => clearInterval(leave));
    await until(() => peers.every((peer) => peer.socket.readableEnded), 'all are served and have ended');
    for (;;) {
      const report = await it.report();
      if (report.active === 0) break;
    }
    const after = await it.report();
    assert.equal(after.accepted, 40);
    assert.deepEqual(after.ends, { client_closed: 40 });
    assert.equal(after.descriptors, before.descriptors);
    assert.equal(await it.close(), 0);
  },
);

test(
  'a storm of clients and backends that misbehave leaves no descriptor and no wrong byte behind',
  { skip },
  async (t) => {
    const it = await host(t, await stormBackends(t), { behaviour: 'moody', idleMs: 2000 });
    await storm(it.port, 50);
    const before = await it.report();
    const result = await storm(it.port, 1500);
    assert.deepEqual(result.wrong, []);
    assert.ok(result.whole > 500, `only ${result.whole} of ${result.clients} were whole`);
    let after = await it.report();
    for (let i = 0; after.active > 0 && i < 1000; i++) after = await it.report();
    assert.equal(after.active, 0);
    assert.equal(
      Object.values(after.ends).reduce((sum, count) => sum + count, 0),
      after.accepted,
    );
    // Pipes are kept for a second for later streams.
    for (let i = 0; after.descriptors > before.descriptors && i < 1000; i++) {
      await sleep(10);
      after = await it.report();
    }
    assert.ok(after.descriptors <= before.descriptors, `${before.descriptors} → ${after.descriptors} descriptors`);
    assert.equal(await it.close(), 0);
  },
);
