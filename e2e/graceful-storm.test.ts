import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { startLoad, troubles } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { childrenOf, signal } from './harness/processes.ts';
import { ownProgram } from './soak/own-program.ts';

forEachEngine('reloads in a row, some asked for while one is under way, lose nothing', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a, b], { workers: 1 }) });
  const load = startLoad(t, port, names('a', 'b'));
  for (let i = 0; i < 3; i++) {
    bal.configure(configFor(port, i % 2 === 0 ? [a] : [a, b], { workers: 1 }));
    const both = await Promise.all([bal.graceful(), bal.graceful()]);
    for (const { code, verdict } of both) assert.equal(code, 0, JSON.stringify(verdict));
  }
  await load.succeeds(20);
  assert.deepEqual(troubles(await load.stop()), {});
});

forEitherEngine('a new worker that cannot come up stops the roll, and the old one goes on', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  const before = await bal.workerPids();
  const load = startLoad(t, port, names('a'), { clients: 4 });
  // Every new child during the reload is a new worker: kill it before it gets ready.
  const over = new AbortController();
  const reload = bal.graceful().finally(() => over.abort());
  while (!over.signal.aborted) {
    for (const pid of childrenOf(bal.pid)) if (!before.includes(pid)) signal(pid, 'SIGKILL');
    await pause(5);
  }
  const { code, verdict } = await reload;
  assert.equal(code, 1);
  assert.equal(verdict.ok, false);
  assert.ok(verdict.problem !== null);
  assert.deepEqual(await bal.workerPids(), before);
  await load.succeeds(20);
  assert.deepEqual(troubles(await load.stop()), {});
});

forEitherEngine('a reload that fails in the middle of the roll has used its number up', async (t, engine) => {
  const { program, repair } = ownProgram(t);
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, program, config: configFor(port, [a]) });
  const load = startLoad(t, port, names('a'), { clients: 4 });
  const worker = join(dirname(program), 'worker.js');
  writeFileSync(worker, `if (process.env['BAL_WORKER'] === '2') process.exit(1);\n${readFileSync(worker, 'utf8')}`);
  const { verdict: refused } = await bal.graceful();
  assert.deepEqual([refused.ok, refused.generation], [false, 1]);
  await bal.logged('worker.ready', ({ fields }) => fields['generation'] === 2);
  repair();
  const { verdict } = await bal.graceful();
  assert.deepEqual([verdict.ok, verdict.generation], [true, 3], JSON.stringify(verdict));
  assert.equal((await bal.status()).generation, 3);
  await load.succeeds(20);
  assert.deepEqual(troubles(await load.stop()), {});
  const { workers } = await bal.statusWhen('two workers are left', (status) => status.workers.length === 2);
  assert.deepEqual(
    workers.map(({ generation }) => generation),
    [3, 3],
  );
});
