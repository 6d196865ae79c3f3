// A name that resolves differently each time must leave nothing behind: counts the entries of every owner that keeps something
// per backend.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { parseConfig } from '../../config/load.ts';
import { plainBackend, type Plan } from '../../config/plan.ts';
import { endpointAt } from '../ipc/counters.ts';
import type { ToWorker } from '../ipc/messages.ts';
import { processStandIn } from '../testing/process-stand-in.ts';
import { createForgetting } from './forgetting.ts';
import type { Log } from './log/log.ts';
import { createRegistry } from './registry.ts';
import { createGenerations } from './reload/generations.ts';
import { createPublisher } from './snapshot/publisher.ts';
import { createStatistics } from './stats/statistics.ts';
import { createServices } from './upstream/services.ts';

const MANY = 300;

/** A scene with one worker, which retires unused endpoints with its next report. */
function scene(t: TestContext, isReceived: () => boolean) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const quiet = (): void => undefined;
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, for: () => log };
  const { plan: first } = parseConfig('port: 9\nhealth_check: { type: none }\nbackends: [127.0.0.1:1]\n', '/c.yaml');
  assert.ok(first !== null);
  const generations = createGenerations();
  const state = { plan: first, generation: generations.add(first) };
  const registry = createRegistry();
  const statistics = createStatistics(registry);
  const services = createServices(log, quiet);
  let used: readonly number[] = [];
  let retired: number[] = [];
  const worker = {
    ...processStandIn(1),
    generation: state.generation,
    send(message: ToWorker, sent?: () => void) {
      if (message.kind !== 'snapshot') return;
      for (const service of message.snapshot.services) {
        retired.push(...used.filter((id) => !service.endpoints.includes(id)));
        used = service.endpoints;
      }
      sent?.();
    },
  };
  const workers = () => [worker];
  const planOf = (number: number): Plan | null => generations.planOf(number) ?? null;
  const publisher = createPublisher({ registry, services, statistics, planOf, workers });
  const parts = { state, generations, registry, services, statistics, publisher, workers };
  const forgetting = createForgetting({
    ...parts,
    listening: { addresses: [] },
    isChanging: () => false,
  });
  statistics.join(worker);
  return {
    ...parts,
    leadTo(round: number) {
      const [service] = state.plan.services;
      assert.ok(service !== undefined);
      const backends = Array.from({ length: MANY }, (_, i) => plainBackend(`10.${round}.${i >> 8}.${i & 255}`, 80));
      const plan: Plan = { ...state.plan, services: [{ ...service, backends }] };
      services.apply(plan);
      publisher.succeed(state.plan, plan);
      state.plan = plan;
      generations.replace(state.generation, plan);
      publisher.flush();
      forgetting.forget();
    },
    /** Reports one more finished connection for each endpoint. */
    report() {
      if (!isReceived()) return;
      const counts = used.flatMap((id) => [endpointAt(id, 'connections_total'), round(id)]);
      const endpointsInUse = retired.splice(0);
      const counters = { kind: 'counters', id: null, short: {}, rssBytes: 1, reached: [], services: [] } as const;
      statistics.report(worker, { ...counters, endpoints: counts, retired: endpointsInUse });
      publisher.retired(worker, endpointsInUse);
      forgetting.forget();
    },
  };

  function round(id: number): number {
    return 1 + (statistics.totals.workers.get(1)?.endpoints[endpointAt(id, 'connections_total')] ?? 0);
  }
}

test('a name that leads to others each time leaves nothing behind', (t) => {
  const it = scene(t, () => true);
  for (let round = 0; round < 60; round++) {
    it.leadTo(round);
    it.report();
  }
  const ids = [...it.publisher.inUse()];
  assert.equal(ids.length, MANY);
  assert.ok(Math.max(...ids) < 2 * MANY, 'ids are used again');
  assert.equal(it.registry.endpointOf(2 * MANY), undefined);
  assert.equal(it.statistics.totals.backends.size, MANY);
  assert.equal(it.services.get('default')?.pool.backends.length, MANY);
  it.services.close();
});

test('what a worker has not said that it no longer uses is kept until it does', (t) => {
  let isReceived = false;
  const it = scene(t, () => isReceived);
  for (let round = 0; round < 5; round++) {
    it.leadTo(round);
    it.report();
  }
  assert.equal([...it.publisher.inUse()].length, 5 * MANY);
  isReceived = true;
  it.report();
  assert.equal([...it.publisher.inUse()].length, MANY);
  it.leadTo(5);
  it.report();
  assert.ok(Math.max(...it.publisher.inUse()) < MANY, 'the lowest ids are free again');
  it.services.close();
});
