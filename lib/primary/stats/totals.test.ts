import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ENDPOINT_FIELDS, SERVICE_FIELDS, endpointAt, serviceAt } from '../../ipc/counters.ts';
import { createRegistry } from '../registry.ts';
import { leave, report, retire } from './report.ts';
import {
  backendSum,
  clientsWith,
  createTotals,
  instanceSum,
  join,
  remoteConnections,
  retain,
  serviceSum,
  lostWith,
  workerSum,
  type Sum,
} from './totals.ts';

const registry = createRegistry();
const [WEB, DB] = [registry.service('web'), registry.service('db')];
const A = registry.endpoint('web', 'a:1');
const B = registry.endpoint('web', 'b:1');
const DB_A = registry.endpoint('db', 'a:1');
const SERVICES = [WEB, DB];
const ENDPOINTS = [A, B, DB_A];

interface Changes {
  readonly services: number[];
  readonly endpoints: number[];
}

/** A report in which every counter has changed. */
function values(services: Record<number, number>, endpoints: Record<number, number> = {}): Changes {
  return {
    services: whole(Array.from({ length: SERVICES.length * SERVICE_FIELDS.length }, (_, at) => services[at] ?? 0)),
    endpoints: whole(Array.from({ length: ENDPOINTS.length * ENDPOINT_FIELDS.length }, (_, at) => endpoints[at] ?? 0)),
  };
}

function whole(all: readonly number[]): number[] {
  return all.flatMap((value, at) => [at, value]);
}

function created() {
  return createTotals(registry);
}

const webActive = serviceAt(WEB, 'active');
const webAccepted = serviceAt(WEB, 'accepted_total');
const bActive = endpointAt(B, 'active');
const bConnections = endpointAt(B, 'connections_total');
const dbBytes = endpointAt(DB_A, 'bytes_in');

test('the reports of all workers add up, by service, backend and worker', () => {
  const totals = created();
  join(totals, 1);
  join(totals, 2);
  const { connected } = report(
    totals,
    1,
    values({ [webAccepted]: 5 }, { [bConnections]: 4, [bActive]: 2, [dbBytes]: 100 }),
  );
  assert.deepEqual([...connected], [['web', 4]]);
  report(totals, 2, values({ [webAccepted]: 3 }, { [bConnections]: 3, [bActive]: 1 }));
  assert.deepEqual([...report(totals, 2, values({ [webAccepted]: 4 }, { [bConnections]: 3 })).connected], []);
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
  const totals = created();
  join(totals, 1);
  report(totals, 1, values({ [webActive]: 2, [webAccepted]: 5 }, { [bActive]: 2 }));
  leave(totals, 1);
  join(totals, 2);
  report(totals, 2, values({ [webActive]: 1, [webAccepted]: 1 }, { [bActive]: 1 }));
  report(totals, 1, values({ [webAccepted]: 50 }));
  assert.equal(serviceSum(totals, 'web').clients.accepted_total, 6);
  assert.equal(serviceSum(totals, 'web').clients.active, 1);
  assert.equal(backendSum(totals, 'web', 'b:1').active, 1);
});

test('a worker that was killed has lost what was open, and what it had cut at the end of a drain', () => {
  const totals = created();
  join(totals, 1);
  const [drained, stopped] = [serviceAt(WEB, 'ended_drain_total'), serviceAt(DB, 'ended_stopped_total')];
  report(totals, 1, values({ [webActive]: 2, [webAccepted]: 90, [drained]: 30, [stopped]: 4 }));
  assert.equal(lostWith(totals, 1), 36);
  assert.equal(lostWith(totals, 2), 0);
});

test('what a removed backend counted stays in the sum of its service', () => {
  const totals = created();
  join(totals, 1);
  report(totals, 1, values({}, { [endpointAt(A, 'bytes_out')]: 1, [bConnections]: 4, [dbBytes]: 9 }));
  retain(totals, new Set(['web', 'db']), new Set(['web\na:1', 'web\nb:1', 'db\na:1']));
  assert.equal(backendSum(totals, 'web', 'b:1').connections_total, 4, 'somebody still uses it');
  leave(totals, 1);
  retain(totals, new Set(['web']), new Set(['web\na:1']));
  assert.equal(backendSum(totals, 'web', 'b:1').connections_total, 0);
  assert.equal(serviceSum(totals, 'web').backends.connections_total, 4);
  assert.equal(serviceSum(totals, 'db').backends.bytes_in, 0);
  assert.equal(instanceSum(totals).backends.bytes_in, 9);
  assert.equal(totals.backends.size, 1);
});

test('an endpoint has the connections of all other workers, whatever their generation', () => {
  const totals = created();
  join(totals, 1);
  join(totals, 2);
  report(totals, 1, values({}, { [bActive]: 2 }));
  report(totals, 2, { services: [], endpoints: [bActive, 5] });
  assert.equal(remoteConnections(totals, 1, B), 5);
  assert.equal(remoteConnections(totals, 2, B), 2);
  assert.equal(remoteConnections(totals, 3, B), 7);
  assert.equal(remoteConnections(totals, 1, A), 0);
  assert.equal(remoteConnections(totals, 1, 99), 0);
});

test('what a worker has forgotten stays in the totals, and it begins at zero with that id', () => {
  const totals = created();
  join(totals, 1);
  report(totals, 1, values({}, { [bConnections]: 4, [bActive]: 1, [dbBytes]: 9 }));
  retire(totals, 1, [B]);
  assert.equal(backendSum(totals, 'web', 'b:1').connections_total, 4);
  assert.equal(backendSum(totals, 'web', 'b:1').active, 0, 'a gauge that it kept was nonsense');
  assert.equal(report(totals, 1, { services: [], endpoints: [bConnections, 1] }).connected.get('web'), 1);
  assert.equal(backendSum(totals, 'web', 'b:1').connections_total, 5);
  assert.equal(workerSum(totals, 1).backends.bytes_in, 9, 'the others go on');
});

test('an id that another backend has by now counts for that one, and a forgotten backend begins anew', () => {
  const names = createRegistry();
  names.service('web');
  const id = names.endpoint('web', 'old:1');
  const totals = createTotals(names);
  const connections = endpointAt(id, 'connections_total');
  const connectionsOf = (address: string): number => backendSum(totals, 'web', address).connections_total;
  join(totals, 1);
  report(totals, 1, { services: [], endpoints: [connections, 4] });
  retire(totals, 1, [id]);
  names.keepOnly({ services: ['web'], endpoints: [], listeners: [] });
  assert.equal(names.endpoint('web', 'new:1'), id);
  report(totals, 1, { services: [], endpoints: [connections, 2] });
  assert.deepEqual([connectionsOf('old:1'), connectionsOf('new:1')], [4, 2]);
  retain(totals, new Set(['web']), new Set());
  report(totals, 1, { services: [], endpoints: [connections, 3] });
  assert.deepEqual([connectionsOf('old:1'), connectionsOf('new:1')], [0, 1]);
  assert.equal(serviceSum(totals, 'web').backends.connections_total, 7);
});

test('a report tells whether loads have changed, and only that: an idle instance is left alone', () => {
  const totals = created();
  join(totals, 1);
  assert.equal(report(totals, 1, values({})).loadsChanged, false);
  assert.equal(report(totals, 1, values({}, { [bActive]: 1, [bConnections]: 1 })).loadsChanged, true);
  assert.equal(report(totals, 1, values({}, { [bActive]: 1, [bConnections]: 1, [dbBytes]: 9 })).loadsChanged, false);
  assert.equal(report(totals, 1, values({}, { [bConnections]: 2, [dbBytes]: 9 })).loadsChanged, true);
});

test('a report tells which endpoints a worker has connections to, when it had none', () => {
  const totals = created();
  join(totals, 1);
  join(totals, 2);
  const taken = (worker: number, active: number) => report(totals, worker, values({}, { [bActive]: active })).taken;
  assert.deepEqual(taken(1, 0), []);
  assert.deepEqual(taken(1, 2), [{ service: 'web', address: 'b:1' }]);
  assert.deepEqual(taken(1, 3), []);
  assert.deepEqual(taken(1, 1), []);
  assert.deepEqual(taken(2, 1), [{ service: 'web', address: 'b:1' }]);
  assert.deepEqual(taken(1, 0), []);
  assert.deepEqual(taken(1, 1), [{ service: 'web', address: 'b:1' }]);
});

test('what a report does not mention stays as it was', () => {
  const totals = created();
  join(totals, 1);
  report(totals, 1, values({ [webAccepted]: 5, [webActive]: 2 }));
  report(totals, 1, { services: [], endpoints: [bConnections, 1] });
  assert.equal(serviceSum(totals, 'web').clients.accepted_total, 5);
  assert.equal(serviceSum(totals, 'web').clients.active, 2);
  assert.equal(backendSum(totals, 'web', 'b:1').connections_total, 1);
});

test('a report tells what came of clients and connections, and only what is new', () => {
  const totals = created();
  join(totals, 1);
  const reset = serviceAt(WEB, 'ended_backend_reset_total');
  const bReset = endpointAt(B, 'ended_backend_reset_total');
  const bEarly = endpointAt(B, 'reset_early_total');
  const dbLocal = endpointAt(DB_A, 'local_total');
  assert.deepEqual(
    report(totals, 1, { services: [webAccepted, 3, reset, 2], endpoints: [bReset, 2, bEarly, 1, dbLocal, 4] }).outcomes,
    [
      { service: 'web', key: 'web', what: 'backend_reset', count: 2 },
      { service: 'web', key: 'web\nb:1', what: 'backend_reset', count: 2 },
      { service: 'web', key: 'web\nb:1', what: 'reset_early', count: 1 },
      { service: 'db', key: 'db\na:1', what: 'local', count: 4 },
    ],
  );
  assert.deepEqual(report(totals, 1, { services: [reset, 5], endpoints: [bReset, 2] }).outcomes, [
    { service: 'web', key: 'web', what: 'backend_reset', count: 3 },
  ]);
});

test("places that are nobody's are passed over", () => {
  const totals = created();
  join(totals, 1);
  for (const at of [-1, 0.5, 100_000, 1e9, Number.NaN, Infinity]) {
    report(totals, 1, { services: [at, 5], endpoints: [at, 5] });
  }
  report(totals, 1, { services: [webAccepted], endpoints: [bActive] });
  assert.deepEqual(instanceSum(totals), instanceSum(created()));
});

test('a garbled report lowers nothing', () => {
  const totals = created();
  join(totals, 1);
  report(totals, 1, values({ [webAccepted]: 5 }, { [bConnections]: 4, [bActive]: 2 }));
  for (const bad of [-1, Number.NaN, Infinity, 1e300, 3]) {
    report(totals, 1, values({ [webAccepted]: bad }, { [bConnections]: bad, [bActive]: 2 }));
  }
  report(totals, 1, { services: [], endpoints: [] });
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
    what: fc.constantFrom('join', 'leave', 'retire', 'report', 'report', 'report'),
    worker: fc.nat(3),
    services: fc.array(value, { maxLength: SERVICES.length * SERVICE_FIELDS.length + 3 }),
    endpoints: fc.array(value, { maxLength: ENDPOINTS.length * ENDPOINT_FIELDS.length + 3 }),
    retired: fc.subarray(ENDPOINTS),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const totals = created();
      const names = ['web', 'db'];
      let before = names.map((name) => counters(serviceSum(totals, name)));
      for (const { what, worker, services: its, endpoints, retired } of changes) {
        if (what === 'join' && !totals.workers.has(worker)) join(totals, worker);
        if (what === 'leave') leave(totals, worker);
        if (what === 'retire') retire(totals, worker, retired);
        if (what === 'report') report(totals, worker, { services: whole(its), endpoints: whole(endpoints) });
        const after = names.map((name) => counters(serviceSum(totals, name)));
        after.forEach((list, i) => list.forEach((count, j) => assert.ok(count >= (before[i]?.[j] ?? 0))));
        before = after;
        const living = [...totals.workers.keys()].map((id) => workerSum(totals, id));
        const all = instanceSum(totals);
        assert.equal(
          all.clients.active,
          living.reduce((sum, { clients }) => sum + clients.active, 0),
        );
        assert.deepEqual(
          [...totals.workers.keys()].map((id) => clientsWith(totals, id)),
          living.map(({ clients }) => clients.active),
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
        for (const field of ENDPOINT_FIELDS) {
          assert.equal(
            all.backends[field],
            services.reduce((sum, { backends }) => sum + backends[field], 0),
          );
        }
      }
    }),
  );
});
