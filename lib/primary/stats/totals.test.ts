import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Runtime, ServicePlan } from '../../../config/plan.ts';
import { BACKEND_FIELDS, SERVICE_FIELDS, backendAt, counterLength, serviceAt } from '../../ipc/counters.ts';
import { layoutOf } from './layout.ts';
import {
  backendSum,
  createTotals,
  elsewhere,
  instanceSum,
  join,
  leave,
  report,
  retain,
  serviceSum,
  workerSum,
  type Sum,
} from './totals.ts';

const RUNTIME: Runtime = {
  healthIntervalMs: 500,
  healthUpIntervalMs: 500,
  healthTimeoutMs: 800,
  fall: 2,
  rise: 1,
  connectTimeoutMs: 800,
  backoffInitialMs: 200,
  backoffMaxMs: 5000,
  cooldownMs: 500,
  protectionTrigger: 10,
  protectionWindowMs: 30_000,
  protectionStable: 12,
  maxConnections: 4000,
  idleMs: 120_000,
  keepaliveMs: 60_000,
  halfClosedMs: 60_000,
  overloadPolicy: 'reject',
  backlog: 4096,
  drainMs: 30_000,
  reloadDrainMs: 0,
};

function service(name: string, ...addresses: string[]): ServicePlan {
  return {
    name,
    bindAddress: '127.0.0.1',
    port: 1,
    method: 'round_robin',
    backends: addresses.map((address) => ({ host: 'h', port: 1, address })),
    runtime: RUNTIME,
    healthCheck: { type: 'tcp' },
    ownLimit: null,
  };
}

const PLAN = [service('web', 'a:1', 'b:1'), service('db', 'a:1')];
const LAYOUT = layoutOf(PLAN);
const LENGTH = counterLength(2, 3);

/** A report in which every counter has changed. */
function values(set: Record<number, number>): number[] {
  return whole(Array.from({ length: LENGTH }, (_, at) => set[at] ?? 0));
}

function whole(values: readonly number[]): number[] {
  return values.flatMap((value, at) => [at, value]);
}

const webActive = serviceAt(0, 'active');
const webAccepted = serviceAt(0, 'accepted_total');
const bActive = backendAt(2, 1, 'active');
const bConnections = backendAt(2, 1, 'connections_total');
const dbBytes = backendAt(2, 2, 'bytes_in');

test('the reports of all workers add up, by service, backend and worker', () => {
  const totals = createTotals();
  join(totals, 1, LAYOUT);
  join(totals, 2, LAYOUT);
  const { connected } = report(
    totals,
    1,
    values({ [webAccepted]: 5, [bConnections]: 4, [bActive]: 2, [dbBytes]: 100 }),
  );
  assert.deepEqual([...connected], [['web', 4]]);
  report(totals, 2, values({ [webAccepted]: 3, [bConnections]: 3, [bActive]: 1 }));
  assert.deepEqual([...report(totals, 2, values({ [webAccepted]: 4, [bConnections]: 3 })).connected], []);
  assert.equal(serviceSum(totals, 'web').clients.accepted_total, 9);
  assert.equal(serviceSum(totals, 'web').backends.connections_total, 7);
  assert.equal(serviceSum(totals, 'db').backends.bytes_in, 100);
  assert.equal(backendSum(totals, 'web', 'a:1').bytes_in, 0);
  assert.equal(backendSum(totals, 'db', 'a:1').bytes_in, 100);
  assert.equal(instanceSum(totals).backends.bytes_in, 100);
  assert.equal(workerSum(totals, 1).clients.accepted_total, 5);
  assert.equal(workerSum(totals, 2).backends.connections_total, 3);
});

test('a worker that is gone leaves its counters and takes its gauges', () => {
  const totals = createTotals();
  join(totals, 1, LAYOUT);
  report(totals, 1, values({ [webActive]: 2, [webAccepted]: 5, [bActive]: 2 }));
  leave(totals, 1);
  join(totals, 2, LAYOUT);
  report(totals, 2, values({ [webActive]: 1, [webAccepted]: 1, [bActive]: 1 }));
  report(totals, 1, values({ [webAccepted]: 50 }));
  assert.equal(serviceSum(totals, 'web').clients.accepted_total, 6);
  assert.equal(serviceSum(totals, 'web').clients.active, 1);
  assert.equal(backendSum(totals, 'web', 'b:1').active, 1);
});

test('a backend keeps its counters when a reload moves it', () => {
  const totals = createTotals();
  join(totals, 1, LAYOUT);
  report(totals, 1, values({ [bConnections]: 4 }));
  const plan = [service('db', 'a:1'), service('web', 'b:1', 'c:1')];
  join(totals, 2, layoutOf(plan));
  report(totals, 2, values({ [backendAt(2, 1, 'connections_total')]: 3 }));
  assert.equal(backendSum(totals, 'web', 'b:1').connections_total, 7);
});

test('what a removed backend counted stays in the sum of its service', () => {
  const totals = createTotals();
  join(totals, 1, LAYOUT);
  report(totals, 1, values({ [bConnections]: 4, [dbBytes]: 9 }));
  const plan = [service('web', 'a:1')];
  retain(totals, plan);
  assert.equal(backendSum(totals, 'web', 'b:1').connections_total, 4, 'a worker still uses it');
  leave(totals, 1);
  retain(totals, plan);
  assert.equal(backendSum(totals, 'web', 'b:1').connections_total, 0);
  assert.equal(serviceSum(totals, 'web').backends.connections_total, 4);
  assert.equal(serviceSum(totals, 'db').backends.bytes_in, 0);
  assert.equal(instanceSum(totals).backends.bytes_in, 9);
  assert.equal(totals.backends.size, 1);
});

test('a route learns what the other workers hold, whatever their generation', () => {
  const totals = createTotals();
  join(totals, 1, LAYOUT);
  join(totals, 2, layoutOf([service('web', 'b:1')]));
  report(totals, 1, values({ [bActive]: 2 }));
  report(totals, 2, [backendAt(1, 0, 'active'), 5]);
  assert.equal(elsewhere(totals, 1, 'web', 'b:1', 1), 5);
  assert.equal(elsewhere(totals, 2, 'web', 'b:1', 0), 2);
  assert.equal(elsewhere(totals, 3, 'web', 'b:1', 0), 7);
  assert.equal(elsewhere(totals, 1, 'web', 'z:1', 1), 0);
});

test('a report tells whether loads have changed, and only that: an idle instance is left alone', () => {
  const totals = createTotals();
  join(totals, 1, LAYOUT);
  assert.equal(report(totals, 1, values({})).loadsChanged, false);
  assert.equal(report(totals, 1, values({ [bActive]: 1, [bConnections]: 1 })).loadsChanged, true);
  assert.equal(report(totals, 1, values({ [bActive]: 1, [bConnections]: 1, [dbBytes]: 9 })).loadsChanged, false);
  assert.equal(report(totals, 1, values({ [bConnections]: 2, [dbBytes]: 9 })).loadsChanged, true);
});

test('what a report does not mention stays as it was', () => {
  const totals = createTotals();
  join(totals, 1, LAYOUT);
  report(totals, 1, values({ [webAccepted]: 5, [webActive]: 2 }));
  report(totals, 1, [bConnections, 1]);
  assert.equal(serviceSum(totals, 'web').clients.accepted_total, 5);
  assert.equal(serviceSum(totals, 'web').clients.active, 2);
  assert.equal(backendSum(totals, 'web', 'b:1').connections_total, 1);
});

test('a report tells what came of clients and connections, and only what is new', () => {
  const totals = createTotals();
  join(totals, 1, LAYOUT);
  const reset = serviceAt(0, 'ended_backend_reset_total');
  const bReset = backendAt(2, 1, 'ended_backend_reset_total');
  const bEarly = backendAt(2, 1, 'reset_early_total');
  const dbLocal = backendAt(2, 2, 'local_total');
  assert.deepEqual(report(totals, 1, [webAccepted, 3, reset, 2, bReset, 2, bEarly, 1, dbLocal, 4]).outcomes, [
    { service: 'web', address: null, what: 'backend_reset', count: 2 },
    { service: 'web', address: 'b:1', what: 'backend_reset', count: 2 },
    { service: 'web', address: 'b:1', what: 'reset_early', count: 1 },
    { service: 'db', address: 'a:1', what: 'local', count: 4 },
  ]);
  assert.deepEqual(report(totals, 1, [reset, 5, bReset, 2]).outcomes, [
    { service: 'web', address: null, what: 'backend_reset', count: 3 },
  ]);
});

test('positions that are none are passed over', () => {
  const totals = createTotals();
  join(totals, 1, LAYOUT);
  for (const at of [-1, 0.5, LENGTH, 1e9, Number.NaN, Infinity]) report(totals, 1, [at, 5]);
  report(totals, 1, [webAccepted]);
  assert.deepEqual(instanceSum(totals), instanceSum(createTotals()));
});

test('a garbled report lowers nothing', () => {
  const totals = createTotals();
  join(totals, 1, LAYOUT);
  report(totals, 1, values({ [webAccepted]: 5, [bConnections]: 4, [bActive]: 2 }));
  for (const bad of [-1, Number.NaN, Infinity, 1e300, 3]) {
    report(totals, 1, values({ [webAccepted]: bad, [bConnections]: bad, [bActive]: 2 }));
  }
  report(totals, 1, []);
  assert.equal(serviceSum(totals, 'web').clients.accepted_total, 5);
  assert.equal(backendSum(totals, 'web', 'b:1').connections_total, 4);
  assert.equal(backendSum(totals, 'web', 'b:1').active, 2);
});

function counters({ clients, backends }: Sum): number[] {
  return [...Object.entries(clients), ...Object.entries(backends)]
    .filter(([field]) => field !== 'active')
    .map(([, count]) => count);
}

test('whatever workers report, come and go: counters never fall, gauges are what the living hold', () => {
  const value = fc.oneof(fc.nat(1000), fc.constantFrom(-1, Number.NaN, Infinity, -Infinity, 1e300));
  const change = fc.record({
    what: fc.constantFrom('join', 'leave', 'report', 'report', 'report'),
    worker: fc.nat(3),
    values: fc.array(value, { maxLength: LENGTH + 3 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const totals = createTotals();
      const names = ['web', 'db'];
      let before = names.map((name) => counters(serviceSum(totals, name)));
      for (const { what, worker, values } of changes) {
        if (what === 'join' && !totals.workers.has(worker)) join(totals, worker, LAYOUT);
        if (what === 'leave') leave(totals, worker);
        if (what === 'report') report(totals, worker, whole(values));
        const after = names.map((name) => counters(serviceSum(totals, name)));
        after.forEach((list, i) => list.forEach((count, j) => assert.ok(count >= (before[i]?.[j] ?? 0))));
        before = after;
        const living = [...totals.workers.keys()].map((id) => workerSum(totals, id));
        const all = instanceSum(totals);
        assert.equal(
          all.clients.active,
          living.reduce((sum, { clients }) => sum + clients.active, 0),
        );
        assert.equal(
          all.backends.active,
          living.reduce((sum, { backends }) => sum + backends.active, 0),
        );
        const services = names.map((name) => serviceSum(totals, name));
        for (const field of SERVICE_FIELDS) {
          assert.equal(
            all.clients[field],
            services.reduce((sum, { clients }) => sum + clients[field], 0),
          );
        }
        for (const field of BACKEND_FIELDS) {
          assert.equal(
            all.backends[field],
            services.reduce((sum, { backends }) => sum + backends[field], 0),
          );
        }
      }
    }),
  );
});
