import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { until } from '../../testing/until.ts';
import { boundTcp } from '../../testing/bound.ts';
import type { BoundHandle } from '../../engine/engine.ts';
import { forkWorker, type WorkerMessage } from './worker-process.ts';
import { assignedListener } from '../../testing/assignments.ts';

// ENOENT arrives as an event after the fork, and ENOTDIR is thrown. They stand for EAGAIN and ENOMEM, which a test cannot provoke.
for (const [code, program] of [
  ['ENOENT', '/nowhere/node'],
  ['ENOTDIR', '/dev/null/node'],
] as const) {
  test(`a worker that cannot be forked (${code}) is gone and says why, and nothing is thrown`, async (t) => {
    const before = process.execPath;
    t.after(() => {
      process.execPath = before;
    });
    process.execPath = program;
    const worker = forkWorker(
      1,
      1,
      { engine: 'js', listeners: [], drainMs: 1000, reloadDrainMs: 0, introduce: () => undefined },
      () => undefined,
    );
    const ready = await worker.ready;
    assert.ok(!ready.ok);
    assert.match(ready.reason, new RegExp(`cannot be forked: .*${code}`));
    assert.deepEqual(await worker.exited, { reason: ready.reason, cut: null });
    assert.equal(worker.state, 'gone');
    assert.deepEqual(Object.keys(cluster.workers ?? {}), [], 'and node:cluster has forgotten it');
    worker.drain(0, 'stopped');
    worker.send({ kind: 'report', id: 1 });
    worker.kill();
  });
}

function bound(t: TestContext): BoundHandle {
  const handle = boundTcp('127.0.0.1', 0);
  t.after(() => handle.close());
  return handle;
}

/** Sends hello three times, and reports listeners that it was not given. Counts the listeners that it gets. */
const MAD = `
  let listens = 0;
  process.on('message', (message, handle) => {
    if (message.kind === 'listen') listens++;
    const answer = { kind: 'counters', id: message.id, services: [listens], endpoints: [], retired: [], short: {}, rssBytes: 1, reached: [] };
    if (message.kind === 'report') process.send(answer);
  });
  process.on('disconnect', () => process.exit());
  for (let i = 0; i < 3; i++) process.send({ kind: 'hello', engine: 'js', note: null, shares: false });
  for (const listener of [3, 3, 7, 8]) process.send({ kind: 'listening', listener });
  process.send({ kind: 'drained', cut: 0 });
  process.send({ kind: 'records_dropped', count: 0 });
`;

/** Runs this CommonJS program as worker from now on. */
function replaceWorkers(t: TestContext, source: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'bal-rogue-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'rogue.cjs'), source);
  const program = join(folder, 'node');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${join(folder, 'rogue.cjs')}'\n`, { mode: 0o755 });
  const before = process.execPath;
  process.execPath = program;
  t.after(() => {
    process.execPath = before;
  });
}

test('a worker that is to drain before it has said hello goes at once: it would not hear the message', async (t) => {
  replaceWorkers(t, "setInterval(() => undefined, 1000);\nprocess.on('message', () => undefined);\n");
  const setup = { engine: 'js', listeners: [], drainMs: 0, reloadDrainMs: 0, introduce: () => undefined } as const;
  const worker = forkWorker(1, 1, setup, () => undefined);
  t.after(() => worker.kill());
  worker.drain(null, 'drain');
  assert.deepEqual(await worker.exited, { reason: 'was killed by SIGKILL', cut: null });
});

/** Says hello, and that it listens once it gets a socket with the id 3. */
const STANDS_BY = `
  process.on('message', ({ kind, listener }) => {
    if (kind === 'listen' && listener.id === 3) process.send({ kind: 'listening', listener: 3 });
  });
  process.on('disconnect', () => process.exit());
  process.send({ kind: 'hello', engine: 'js', note: null, shares: false });
`;

for (const [id, expected] of [
  [3, 'it listens'],
  [4, 'did not become ready within 10 s'],
] as const) {
  test(`a worker may stand by for any time, and has 10 s from when it gets its sockets: ${expected}`, async (t) => {
    replaceWorkers(t, STANDS_BY);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const setup = { engine: 'js', listeners: null, drainMs: 0, reloadDrainMs: 0, introduce: () => undefined } as const;
    const worker = forkWorker(1, 1, setup, () => undefined);
    t.after(() => worker.kill());
    assert.deepEqual(await worker.up, { ok: true });
    t.mock.timers.tick(60_000);
    worker.listen([{ assignment: assignedListener(id), address: '127.0.0.1:0', handle: bound(t) }]);
    if (id === 4) t.mock.timers.tick(10_000);
    const ready = await worker.ready;
    assert.equal(ready.ok ? 'it listens' : ready.reason, expected);
  });
}

/** Ends right after its last words, which are long enough to need several reads. */
const LAST_WORDS = `
  for (let i = 0; i < 200; i++) process.send({ kind: 'records_dropped', count: 1 });
  process.send({ kind: 'drained', cut: 3 }, () => process.exit());
`;

test('what a worker has sent before its exit counts, also where the exit is seen first', async (t) => {
  replaceWorkers(t, LAST_WORDS);
  const setup = { engine: 'js', listeners: [], drainMs: 0, reloadDrainMs: 0, introduce: () => undefined } as const;
  for (let round = 0; round < 5; round++) {
    let received = 0;
    const worker = forkWorker(1, 1, setup, () => received++);
    t.after(() => worker.kill());
    // Exit and messages wait together, as they do while this process is busy.
    while (isRunning(worker.pid));
    assert.deepEqual([await worker.exited, received], [{ reason: 'exited with code 0', cut: 3 }, 200]);
  }
});

/** Whether that child has not exited yet; this process has not reaped it. */
function isRunning(pid: number): boolean {
  return !/ Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

test('a rogue worker that says hello again gets no listening socket a second time, and is not ready for what it made up', async (t) => {
  replaceWorkers(t, MAD);
  const listeners = [3, 4].map((id) => ({
    assignment: assignedListener(id),
    address: '127.0.0.1:0',
    handle: bound(t),
  }));
  let introduced = 0;
  const received: WorkerMessage[] = [];
  const worker = forkWorker(
    1,
    1,
    { engine: 'js', listeners, drainMs: 1000, reloadDrainMs: 0, introduce: () => introduced++ },
    (_worker, message) => {
      received.push(message);
    },
  );
  t.after(() => worker.kill());
  await until('all that it says is heard', () => received.some(({ kind }) => kind === 'records_dropped'));
  assert.equal(worker.state, 'forked');
  worker.send({ kind: 'report', id: 5 });
  const counters = await until('it answers', () => received.find((message) => message.kind === 'counters'));
  assert.deepEqual(counters.services, [2], 'each of the two sockets once');
  assert.equal(introduced, 1);
});
