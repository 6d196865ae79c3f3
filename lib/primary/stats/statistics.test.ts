import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { processStandIn } from '../../testing/process-stand-in.ts';
import { createRegistry } from '../registry.ts';
import { createStatistics } from './statistics.ts';

/** Two workers that are asked for their counters. Time stands still, so a refresh that waits for its deadline never ends. */
function refreshing(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const statistics = createStatistics(createRegistry());
  const workers = [processStandIn(1), processStandIn(2)] as const;
  for (const worker of workers) statistics.join(worker);
  let over = false;
  const refreshed = statistics.refresh(workers, 1000).then(() => (over = true));
  const answer = (worker: (typeof workers)[number]): void => {
    const nothing = { services: [], endpoints: [], short: {}, rssBytes: 0, reached: [], retired: [] };
    statistics.report(worker, { kind: 'counters', id: 1, ...nothing });
  };
  const isOver = async (): Promise<boolean> => {
    await Promise.resolve();
    await Promise.resolve();
    return over;
  };
  return { statistics, workers, refreshed, answer, isOver };
}

test('a refresh ends with the answer of the last worker, and two answers of one are one', async (t) => {
  const { workers, refreshed, answer, isOver } = refreshing(t);
  const [a, b] = workers;
  answer(a);
  answer(a);
  assert.equal(await isOver(), false);
  answer(b);
  await refreshed;
});

test('a refresh does not wait for a worker that is gone', async (t) => {
  const { statistics, workers, refreshed, answer } = refreshing(t);
  const [a, b] = workers;
  answer(a);
  statistics.leave(b);
  await refreshed;
});
