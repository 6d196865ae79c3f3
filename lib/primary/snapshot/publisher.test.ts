import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import type { Plan } from '../../../config/plan.ts';
import { endpointAt, serviceAt } from '../../ipc/counters.ts';
import type { ToWorker } from '../../ipc/messages.ts';
import type { EndpointSnapshot, Snapshot } from '../../ipc/snapshot.ts';
import type { StandIn } from '../../testing/process-stand-in.ts';
import { processStandIn } from '../../testing/process-stand-in.ts';
import { createRegistry } from '../registry.ts';
import { createStatistics } from '../stats/statistics.ts';
import { createPool, step, tier } from '../upstream/pool.ts';
import type { Services } from '../upstream/services.ts';
import { createPublisher } from './publisher.ts';

function planOf(ports: readonly number[], method = 'round_robin'): Plan {
  const backends = ports.map((port) => `{ host: 127.0.0.1, port: ${port} }`).join(', ');
  return parseConfig(`port: 9\nmethod: ${method}\nbackends: [${backends}]\n`, '/config.yaml').plan ?? assert.fail();
}

/** A worker whose snapshots stay in flight until the test calls `arrive`. */
interface Listener {
  readonly process: StandIn;
  readonly received: Snapshot[];
  /** Ends the flight of the last snapshot. */
  readonly arrive: () => void;
  readonly take: () => Snapshot[];
}

function scene(t: TestContext, plans: Plan[]) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const registry = createRegistry();
  const statistics = createStatistics(registry);
  const state = { guarded: false, now: null as Plan | null };
  const tiers = new Map<
    string,
    Pick<EndpointSnapshot, 'ip' | 'tier' | 'onProbation' | 'provenAt'> & { readonly tenths?: number }
  >();
  const services = {
    endpoint: (_: string, address: string) => ({
      tenths: 10,
      ...(tiers.get(address) ?? { ip: '127.0.0.1', tier: 0, onProbation: false, provenAt: 0 }),
    }),
    guarded: () => state.guarded,
    get: (name: string) => {
      const plan = state.now?.services.find((service) => service.name === name);
      return plan === undefined ? undefined : { plan, pool: null };
    },
  } as unknown as Services;
  const workers: StandIn[] = [];
  const publisher = createPublisher({
    registry,
    services,
    statistics,
    planOf: (generation) => plans[generation] ?? null,
    workers: () => workers,
  });
  function worker(pid: number, generation = 0): Listener {
    const received: Snapshot[] = [];
    let done: (() => void) | undefined;
    const process = {
      ...processStandIn(pid),
      generation,
      send(message: ToWorker, sent?: () => void) {
        assert.equal(message.kind, 'snapshot');
        if (message.kind === 'snapshot') received.push(message.snapshot);
        done = sent;
      },
    };
    workers.push(process);
    statistics.join(process);
    const arrive = (): void => {
      const sent = done;
      done = undefined;
      sent?.();
    };
    return { process, received, arrive, take: () => received.splice(0) };
  }
  const pass = (): void => t.mock.timers.tick(100);
  return { registry, statistics, tiers, state, publisher, worker, pass };
}

const idsOf = ({ endpoints }: Snapshot): number[] => endpoints.map(({ id }) => id);

test('the first snapshot says all, each further one what has changed, and nothing is said when nothing has', (t) => {
  const { tiers, state, publisher, worker, pass } = scene(t, [planOf([1, 2, 3])]);
  const it = worker(1);
  publisher.push(it.process);
  const [first] = it.take();
  assert.deepEqual(first?.services, [{ id: 0, guarded: false, byLoad: false, endpoints: [0, 1, 2] }]);
  assert.deepEqual(
    first.endpoints.map(({ id, name }) => [id, name]),
    [
      [0, '127.0.0.1:1'],
      [1, '127.0.0.1:2'],
      [2, '127.0.0.1:3'],
    ],
  );
  it.arrive();
  publisher.changed();
  pass();
  assert.deepEqual(it.take(), []);
  tiers.set('127.0.0.1:2', { ip: '127.0.0.1', tier: 2, onProbation: false, provenAt: 0 });
  publisher.changed();
  pass();
  const [second] = it.take();
  assert.deepEqual([second?.services, second?.endpoints.map(({ id, tier }) => [id, tier])], [[], [[1, 2]]]);
  it.arrive();
  state.guarded = true;
  publisher.changed();
  pass();
  assert.deepEqual(
    it.take().map(({ services, endpoints }) => [services[0]?.guarded, endpoints]),
    [[true, []]],
  );
});

test('what changes while a snapshot is on its way goes out once, afterwards, as it is then', (t) => {
  const { tiers, publisher, worker, pass } = scene(t, [planOf([1, 2])]);
  const it = worker(1);
  publisher.push(it.process);
  it.take();
  for (const tier of [1, 2, 1, 0, 2]) {
    tiers.set('127.0.0.1:1', { ip: '127.0.0.1', tier, onProbation: false, provenAt: 0 });
    publisher.changed();
    pass();
  }
  assert.deepEqual(it.take(), []);
  it.arrive();
  assert.deepEqual(
    it.take().map(({ endpoints }) => endpoints.map(({ id, tier }) => [id, tier])),
    [[[0, 2]]],
  );
  it.arrive();
  assert.deepEqual(it.take(), []);
});

test('workers of two plans hear of their own endpoints, and are not told again and again what the other has', (t) => {
  const { publisher, worker, pass } = scene(t, [planOf([1, 2]), planOf([2, 3])]);
  const [old, fresh] = [worker(1, 0), worker(2, 1)];
  for (const { process } of [old, fresh]) publisher.push(process);
  assert.deepEqual([old.take().map(idsOf), fresh.take().map(idsOf)], [[[0, 1]], [[1, 2]]]);
  for (const { arrive } of [old, fresh]) arrive();
  for (let i = 0; i < 3; i++) {
    publisher.changed();
    pass();
  }
  assert.deepEqual([old.take(), fresh.take()], [[], []]);
});

test('of a plan that takes the place of another only what differs is told, and at once where it is urgent', (t) => {
  const plans = [planOf([1, 2, 3])];
  const { publisher, worker } = scene(t, plans);
  const it = worker(1);
  const replace = (plan: Plan): void => {
    publisher.succeed(plans[0] ?? plan, plan);
    plans[0] = plan;
  };
  publisher.push(it.process);
  assert.deepEqual(it.take().map(idsOf), [[0, 1, 2]]);
  // The first one is still in flight.
  replace(planOf([1, 2, 3, 4]));
  publisher.flush();
  const [added] = it.take();
  assert.deepEqual([added?.endpoints.map(({ id }) => id), added?.services[0]?.endpoints], [[3], [0, 1, 2, 3]]);
  replace(planOf([2, 3, 4]));
  publisher.flush();
  const [removed] = it.take();
  assert.deepEqual([removed?.endpoints, removed?.services[0]?.endpoints], [[], [1, 2, 3]]);
  publisher.flush();
  assert.deepEqual(it.take(), []);
});

test('with least_connections each worker hears what the others hold, and only that', (t) => {
  const plans = [planOf([1, 2], 'least_connections')];
  const { registry, statistics, publisher, worker, pass } = scene(t, plans);
  const [a, b] = [worker(1), worker(2)];
  for (const { process } of [a, b]) publisher.push(process);
  for (const { take, arrive } of [a, b]) {
    take();
    arrive();
  }
  const second = registry.endpoint('default', '127.0.0.1:2');
  const nothing = { id: null, services: [], short: {}, rssBytes: 0, reached: [], retired: [] };
  statistics.report(a.process, { kind: 'counters', ...nothing, endpoints: [endpointAt(second, 'active'), 3] });
  publisher.loadsChanged();
  pass();
  assert.deepEqual([a.take(), b.take()], [[], [{ services: [], endpoints: [], remote: [second, 3] }]]);
  b.arrive();
  statistics.report(a.process, { kind: 'counters', ...nothing, endpoints: [endpointAt(second, 'active'), 4] });
  plans[0] = planOf([1, 2]);
  publisher.loadsChanged();
  pass();
  assert.deepEqual(b.take(), [], 'nobody balances by it');
});

test('a worker that drains hears what holds now as long as clients wait with it', (t) => {
  const plans = [planOf([1, 2]), planOf([2, 3, 4])];
  const { registry, statistics, tiers, state, publisher, worker, pass } = scene(t, plans);
  const [old, idle] = [worker(1, 0), worker(2, 0)];
  for (const { process, arrive, take } of [old, idle]) {
    publisher.push(process);
    take();
    arrive();
    process.state = 'draining';
  }
  const waiting = (count: number): void => {
    const at = serviceAt(registry.service('default'), 'waiting');
    const nothing = { id: null, endpoints: [], short: {}, rssBytes: 0, reached: [], retired: [] };
    statistics.report(old.process, { kind: 'counters', ...nothing, services: [at, count] });
  };
  state.now = plans[1] ?? null;
  publisher.changed();
  pass();
  assert.deepEqual(old.take(), [], 'nobody waits');
  waiting(2);
  publisher.push(old.process);
  const [reported] = old.take();
  assert.deepEqual(
    [reported?.services[0]?.endpoints, reported?.endpoints.map(({ id }) => id)],
    [
      [1, 2, 3],
      [2, 3],
    ],
  );
  old.arrive();
  tiers.set('127.0.0.1:2', { ip: '127.0.0.1', tier: 4, onProbation: false, provenAt: 0 });
  publisher.changed();
  pass();
  assert.deepEqual(
    old.take().map(({ endpoints }) => endpoints.map(({ id, tier }) => [id, tier])),
    [[[1, 4]]],
  );
  old.arrive();
  // The service is gone, and its backends are unknown now: they keep their last state.
  state.now = null;
  tiers.set('127.0.0.1:2', { ip: null, tier: 4, onProbation: false, provenAt: 0 });
  publisher.flush();
  assert.deepEqual(old.take(), []);
  state.now = plans[1] ?? null;
  waiting(0);
  publisher.flush();
  assert.deepEqual([old.take(), idle.take()], [[], []]);
});

test('workers of the plan that serves count together before those come whose plan asks for it', (t) => {
  const plans = [planOf([1, 2]), planOf([1, 2], 'random')];
  const { state, publisher, worker, pass } = scene(t, plans);
  const [old, fresh] = [worker(1, 0), worker(2, 1)];
  fresh.process.state = 'forked';
  publisher.push(old.process);
  assert.deepEqual(
    old.take().map(({ services }) => services[0]?.byLoad),
    [false],
  );
  old.arrive();
  state.now = plans[1] ?? null;
  publisher.changed();
  pass();
  assert.deepEqual(
    [old.take(), fresh.take()],
    [[{ services: [{ id: 0, guarded: false, byLoad: true, endpoints: [0, 1] }], endpoints: [], remote: [] }], []],
  );
});

test('an endpoint that a worker has retired is told anew where it came back', (t) => {
  const plans = [planOf([1, 2])];
  const { publisher, worker, pass } = scene(t, plans);
  const it = worker(1);
  publisher.push(it.process);
  it.take();
  it.arrive();
  plans[0] = planOf([1]);
  publisher.changed();
  pass();
  assert.deepEqual(
    it.take().map(({ services }) => services[0]?.endpoints),
    [[0]],
  );
  it.arrive();
  assert.deepEqual([...publisher.inUse()], [0, 1], 'it may still have connections');
  plans[0] = planOf([1, 2]);
  publisher.changed();
  pass();
  it.take();
  it.arrive();
  publisher.retired(it.process, [1]);
  pass();
  assert.deepEqual(
    it.take().map(({ services, endpoints }) => [services[0]?.endpoints, endpoints.map(({ id }) => id)]),
    [[[0, 1], [1]]],
  );
});

test('a worker that stands by hears of changes once it was told, and not before', (t) => {
  const { tiers, publisher, worker, pass } = scene(t, [planOf([1])]);
  const it = worker(1);
  it.process.state = 'forked';
  publisher.changed();
  pass();
  assert.equal(it.received.length, 0);
  publisher.push(it.process);
  it.arrive();
  tiers.set('127.0.0.1:1', { ip: '127.0.0.1', tier: 4, onProbation: false, provenAt: 0 });
  publisher.changed();
  pass();
  assert.deepEqual(
    it.received.at(-1)?.endpoints.map(({ tier }) => tier),
    [4],
  );
});

test('a worker that is gone is told nothing and uses nothing', (t) => {
  const { publisher, worker, pass } = scene(t, [planOf([1])]);
  const it = worker(1);
  publisher.push(it.process);
  it.process.state = 'gone';
  publisher.forget(it.process);
  publisher.changed();
  pass();
  assert.equal(it.received.length, 1);
  assert.deepEqual([...publisher.inUse()], []);
});

test('nothing is sent after cancel()', (t) => {
  const { tiers, publisher, worker, pass } = scene(t, [planOf([1])]);
  const it = worker(1);
  publisher.push(it.process);
  tiers.set('127.0.0.1:1', { ip: '127.0.0.1', tier: 2, onProbation: false, provenAt: 0 });
  publisher.changed();
  publisher.cancel();
  pass();
  it.arrive();
  assert.equal(it.received.length, 1);
});

test('a service of which nothing has changed is not looked at again, until its pool is another or a cool-down ends', (t) => {
  const plan = planOf([1, 2]);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let clock = 1000;
  t.mock.method(performance, 'now', () => clock);
  const backends = plan.services[0]?.backends ?? [];
  const settings = {
    fall: 20,
    rise: 1,
    cooldownMs: 500,
    backoffInitialMs: 1,
    backoffMaxMs: 1,
    healthUpIntervalMs: 1,
    slowStartMs: 0,
  };
  let pool = createPool(backends, {
    ...settings,
    isChecked: true,
    connectStandsForCheck: true,
    checkStandsForConnect: true,
  });
  let looks = 0;
  /** How long it takes to look at one, in ms. */
  let passes = 0;
  const services = {
    endpoint(_: string, address: string) {
      looks++;
      const place = pool.places.get(address) ?? -1;
      const seen = { ip: '127.0.0.1', tier: tier(pool, place, clock), onProbation: false, provenAt: 0, tenths: 10 };
      if (place === 1) clock += passes;
      return seen;
    },
    guarded: () => false,
    get: () => ({ pool, plan: plan.services[0] }),
  } as unknown as Services;
  const registry = createRegistry();
  const statistics = createStatistics(registry);
  const received: Snapshot[] = [];
  const worker = {
    ...processStandIn(1),
    send(message: ToWorker, sent?: () => void) {
      if (message.kind === 'snapshot') received.push(message.snapshot);
      sent?.();
    },
  };
  const publisher = createPublisher({ registry, services, statistics, planOf: () => plan, workers: () => [worker] });
  const round = (): unknown => {
    publisher.changed();
    t.mock.timers.tick(100);
    return received.splice(0).flatMap(({ endpoints }) => endpoints.map((endpoint) => [endpoint.id, endpoint.tier]));
  };
  assert.deepEqual(round(), [
    [0, 0],
    [1, 0],
  ]);
  assert.deepEqual([round(), round(), looks], [[], [], 2]);
  const failed = {
    kind: 'connect_failed',
    backend: 1,
    cause: 'refused',
    count: 1,
    guarded: false,
    began: 1,
    wall: 0,
  } as const;
  pool = step(pool, failed, clock).pool;
  assert.deepEqual([round(), looks], [[[1, 2]], 4]);
  assert.deepEqual([round(), looks], [[], 6], 'it cools down: time alone changes something');
  clock += 1000;
  assert.deepEqual([round(), looks], [[[1, 0]], 8]);
  assert.deepEqual([round(), looks], [[], 8]);
  // The backend fails again, and its cool-down ends during the scan of the others: it must be scanned once more.
  pool = step(pool, { ...failed, began: 1500 }, clock).pool;
  clock += 499;
  passes = 1;
  assert.deepEqual(round(), [[1, 2]]);
  assert.deepEqual(round(), [[1, 0]]);
});
