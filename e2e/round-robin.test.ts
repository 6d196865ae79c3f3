import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { names, visit } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';

forEachEngine('round_robin gives every backend its turn, exactly with one worker', async (t, engine) => {
  const backends = await Promise.all(['a', 'b', 'c'].map((name) => backend(t, named(name))));
  const port = await freePort();
  await startBal(t, { engine, config: configFor(port, backends, { workers: 1 }) });
  const counts = await visits(port, names('a', 'b', 'c'), 90);
  assert.deepEqual(troubles(counts), {});
  assert.deepEqual(counts.answers, { a: 30, b: 30, c: 30 });
});

forEachEngine('the first client gets the first backend, and a reload goes on with the round', async (t, engine) => {
  const backends = await Promise.all(['a', 'b', 'c'].map((name) => backend(t, named(name))));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, backends, { workers: 1 }) });
  await bal.checked();
  const answers = async (count: number): Promise<string[]> => {
    const all: string[] = [];
    while (all.length < count) {
      const { outcome, answer } = await visit(port, '127.0.0.1', names('a', 'b', 'c'), 15_000);
      assert.equal(outcome, 'ok');
      all.push(answer.toString());
    }
    return all;
  };
  assert.deepEqual(await answers(4), ['a', 'b', 'c', 'a']);
  await bal.statusWhen('all are counted', ({ totals }) => totals?.connections_total === 4);
  assert.equal((await bal.graceful()).code, 0);
  assert.deepEqual(await answers(3), ['b', 'c', 'a']);
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
