import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processStandIn } from '../../testing/process-stand-in.ts';
import { serviceAt } from '../../ipc/counters.ts';
import { createRegistry } from '../registry.ts';
import { beyond, drainingStatus } from './old-workers.ts';
import { createStatistics } from '../stats/statistics.ts';

test('beyond() names all workers of the oldest generations, however many workers a generation has', () => {
  const workers = [7, 3, 3, 5, 7, 4].map((generation) => ({ generation }));
  assert.deepEqual(
    beyond(workers, 2).map(({ generation }) => generation),
    [3, 3, 4],
  );
  assert.deepEqual(beyond(workers, 4), []);
  assert.deepEqual(beyond([], 0), []);
});

test('only old workers with connections are told, until the last of them is to end', () => {
  const registry = createRegistry();
  const web = registry.service('web');
  const statistics = createStatistics(registry);
  const until = new Map<number, number>();
  const workers = [1, 2, 3, 4].map((pid) => ({ ...processStandIn(pid), generation: pid }));
  const fleet = { all: () => workers, drainsUntil: ({ pid }: { pid: number }) => until.get(pid) ?? Infinity };
  const status = (): ReturnType<typeof drainingStatus> => drainingStatus({ fleet, statistics });
  for (const worker of workers) {
    statistics.join(worker);
    statistics.report(worker, {
      kind: 'counters',
      id: null,
      services: [serviceAt(web, 'active'), worker.pid === 1 ? 0 : worker.pid],
      endpoints: [],
      short: {},
      rssBytes: 1,
      reached: [],
      retired: [],
    });
  }
  assert.deepEqual(status(), { connections: 0, workers: 0, generations: 0, until: null });
  for (const worker of workers.slice(0, 3)) worker.state = 'draining';
  until.set(1, performance.now() + 99_000_000);
  until.set(2, performance.now() + 1000);
  assert.deepEqual(status(), { connections: 5, workers: 2, generations: 2, until: null });
  until.set(3, performance.now() + 3_600_000);
  const left = Date.parse(status().until ?? '') - Date.now();
  assert.ok(left > 3_590_000 && left <= 3_600_000, String(left));

  const held = { connections: 9, workers: 1, generations: 1, until: '2999-01-01T00:00:00.000Z' };
  statistics.holdDraining(held);
  assert.deepEqual(
    status(),
    { connections: 14, workers: 3, generations: 3, until: held.until },
    'an upgrade left some',
  );
  statistics.holdDraining({ ...held, until: null });
  assert.equal(status().until, null);
  for (const worker of workers) worker.state = 'ready';
  assert.deepEqual(status(), { ...held, until: null });
  statistics.holdDraining(null);
  assert.equal(status().connections, 0);
});
