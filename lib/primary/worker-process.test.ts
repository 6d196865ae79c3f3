import assert from 'node:assert/strict';
import { test } from 'node:test';

import { forkWorker } from './worker-process.ts';

// ENOENT comes as an event after the fork, ENOTDIR is thrown by it: as EAGAIN and ENOMEM do, which a test cannot have.
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
    const table = {
      generation: 1,
      version: 1,
      logLevel: 'info',
      logConnections: 'none',
      carries: null,
      services: [],
    } as const;
    const worker = forkWorker(1, 1, { engine: 'js', handles: [], drainMs: 1000, table: () => table }, () => undefined);
    const ready = await worker.ready;
    assert.ok(!ready.ok);
    assert.match(ready.reason, new RegExp(`cannot be forked: .*${code}`));
    assert.deepEqual(await worker.exited, { reason: ready.reason, cut: null });
    assert.equal(worker.state, 'gone');
    worker.drain(0, 'stopped');
    worker.send({ kind: 'report', id: 1 });
    worker.kill();
  });
}
