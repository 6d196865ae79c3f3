import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { startLoad, troubles } from './harness/load.ts';
import { freePort } from './harness/ports.ts';
import { childrenOf, signal } from './harness/processes.ts';

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

forEachEngine('a new worker that cannot come up stops the roll, and the old one goes on', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  const before = await bal.workerPids();
  const load = startLoad(t, port, names('a'), { clients: 4 });
  // Every process that appears beside the workers while the reload runs is a new worker: it does not live long enough.
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
