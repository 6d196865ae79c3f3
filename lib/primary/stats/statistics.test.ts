import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { processStandIn } from '../../testing/process-stand-in.ts';
import { createRegistry, endpointKey } from '../registry.ts';
import { loadsOf } from './past.ts';
import { createStatistics } from './statistics.ts';
import { backendSum, serviceSum } from './totals.ts';

/** Two workers that are asked for their counters. Time stands still, so a refresh that waits for its deadline never ends. */
function refreshing(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const statistics = createStatistics(createRegistry());
  const workers = [processStandIn(1), processStandIn(2)] as const;
  for (const worker of workers) statistics.join(worker);
  let over = false;
  const refreshed = statistics.refresh(workers, 1000).then(() => (over = true));
  const answer = (worker: (typeof workers)[number], rssBytes = 0): void => {
    const nothing = { services: [], endpoints: [], short: {}, rssBytes, reached: [], retired: [] };
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

test('what another process has is counted until it has it no more, and not forgotten before', () => {
  const statistics = createStatistics(createRegistry());
  const { totals } = statistics;
  const key = endpointKey('db', 'a:1');
  const counts = (): number[] => [
    serviceSum(totals, 'db').clients.active,
    backendSum(totals, 'db', 'a:1').active,
    totals.backends.size,
  ];
  statistics.hold('db', 0, 3);
  assert.equal(statistics.holdBackends(new Map([[key, 3]])), true);
  assert.equal(statistics.holdBackends(new Map([[key, 3]])), false);
  statistics.retain(new Set(), new Set());
  assert.deepEqual([...counts(), loadsOf(totals)], [3, 3, 1, { [key]: 3 }]);
  statistics.hold('db', 3, 1);
  statistics.holdBackends(new Map([[key, 1]]));
  assert.deepEqual(counts(), [1, 1, 1]);
  statistics.hold('db', 1, 0);
  statistics.holdBackends(new Map());
  assert.deepEqual([...counts(), loadsOf(totals)], [0, 0, 1, {}]);
  statistics.retain(new Set(), new Set());
  assert.deepEqual([totals.services.size, totals.backends.size], [0, 0]);
});

test('a report that comes after its worker has gone leaves nothing behind', (t) => {
  const { statistics, workers, answer } = refreshing(t);
  const [a] = workers;
  statistics.leave(a);
  answer(a, 4096);
  assert.equal(statistics.rssBytes(a), 0);
});
