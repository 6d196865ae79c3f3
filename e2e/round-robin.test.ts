import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { freePort } from './harness/ports.ts';

forEachEngine('round_robin gives every backend its turn, exactly with one worker', async (t, engine) => {
  const backends = await Promise.all(['a', 'b', 'c'].map((name) => backend(t, named(name))));
  const port = await freePort();
  await startBal(t, { engine, config: configFor(port, backends, { workers: 1 }) });
  const counts = await visits(port, names('a', 'b', 'c'), 90);
  assert.deepEqual(troubles(counts), {});
  assert.deepEqual(counts.answers, { a: 30, b: 30, c: 30 });
});

forEachEngine('round_robin over several workers is off by at most one a worker', async (t, engine) => {
  const backends = await Promise.all(['a', 'b', 'c'].map((name) => backend(t, named(name))));
  const port = await freePort();
  const WORKERS = 3;
  await startBal(t, { engine, config: configFor(port, backends, { workers: WORKERS }) });
  const { answers } = await visits(port, names('a', 'b', 'c'), 90);
  for (const name of ['a', 'b', 'c'])
    assert.ok(Math.abs(Number(answers[name]) - 30) <= WORKERS, JSON.stringify(answers));
});
