import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDS, REFUSE, WAIT, type EndCode } from '../engine/engine.ts';
import { serviceAt } from '../ipc/counters.ts';
import type { Snapshot } from '../ipc/snapshot.ts';
import { assignedListener, assignedService, endpoint } from '../testing/assignments.ts';
import { quietReporter } from '../testing/quiet-reporter.ts';
import type { Admission } from './admission/admission.ts';
import { createWaiting } from './admission/waiting.ts';
import { createLoads } from './balance/loads.ts';
import { createEndpoints } from './balance/endpoints.ts';
import { createConnections } from './connections.ts';
import { createCount } from './report/count.ts';
import { createPolicy } from './policy.ts';
import type { Ended } from './report/record-buffer.ts';
import { createRouting } from './routing.ts';

const [REFUSED, CLIENT_CLOSED] = [0, 0] as const;

function snapshot(...ids: number[]): Snapshot {
  return {
    services: [{ id: 0, guarded: false, byLoad: false, endpoints: ids }],
    endpoints: ids.map((id) => endpoint(id)),
    remote: [],
  };
}

/** One service, everybody is admitted. */
function scene(service = assignedService(0)) {
  const records: Ended[] = [];
  const waiting = createWaiting([service], null);
  const settled: [number, number][] = [];
  const deniedTo = new Set<number>();
  const routing = createRouting();
  routing.add(assignedListener(0));
  const policy = createPolicy({
    logConnections: 'all',
    routing,
    endpoints: createEndpoints([service], 1),
    connections: createConnections(),
    count: createCount(),
    loads: createLoads(null),
    access: { allows: (connection) => !deniedTo.has(connection) },
    sourceLimits: { enter: () => null, leave: () => undefined },
    admission: { admit: () => 'yes', release: () => undefined } as unknown as Admission,
    queue: { board: null, waiting, settled: (connection, target) => void settled.push([connection, target]) },
    reporter: quietReporter,
    records: { add: (record) => void records.push(record), close: () => undefined },
    clientAddress: () => '127.0.0.1:1',
    localAddress: () => '127.0.0.1:2',
    take: () => undefined,
    setClient: () => undefined,
  });
  return { policy, records, deniedTo, waiting, settled };
}

test('a retired endpoint is in use as long as a connection has it, and is known to its record', () => {
  const { policy, records } = scene();
  policy.use(snapshot(0, 1));
  assert.equal(policy.accepted(7, 0), 0);
  policy.connected(7);
  policy.use(snapshot(1));
  assert.deepEqual(policy.unused(), []);
  assert.equal(policy.accepted(8, 0), 1, 'nobody new gets it');
  policy.ended(7, CLIENT_CLOSED, 1, 1);
  assert.equal(records[0]?.backend, '127.0.0.1:9000');
  assert.deepEqual(policy.unused(), [0]);
});

test('a retired endpoint that a live connection has tried is still named in its record', () => {
  const { policy, records } = scene();
  policy.use(snapshot(0, 1));
  assert.equal(policy.accepted(7, 0), 0);
  assert.equal(policy.failed(7, REFUSED), 1);
  policy.connected(7);
  policy.use(snapshot(1));
  assert.deepEqual(policy.unused(), []);
  policy.ended(7, CLIENT_CLOSED, 1, 1);
  assert.deepEqual(records[0]?.tried, [{ backend: '127.0.0.1:9000', cause: 'refused' }]);
  assert.deepEqual(policy.unused(), [0]);
});

test('with the id of a forgotten endpoint another one begins at zero, and is tried again', () => {
  const { policy } = scene();
  policy.use(snapshot(0));
  policy.accepted(7, 0);
  policy.failed(7, REFUSED);
  policy.ended(7, 7, 0, 0);
  policy.use(snapshot());
  assert.ok(policy.counters(new Float64Array(2)).endpoints.some((value) => value > 0));
  policy.forget(policy.unused());
  policy.use(snapshot(0));
  assert.ok(policy.counters(new Float64Array(2)).endpoints.every((value) => value === 0));
  assert.equal(policy.accepted(8, 0), 0);
});

test('the engine is to tell of calls by other workers only where clients may wait for an endpoint', () => {
  assert.ok(!('called' in scene().policy));
  assert.ok('called' in scene(assignedService(0, {}, { overloadPolicy: 'queue' })).policy);
});

test('whoever may not come is refused before anything else, counted, and recorded with the reason', () => {
  const { policy, records, deniedTo } = scene();
  policy.use(snapshot(0));
  deniedTo.add(7);
  assert.equal(policy.accepted(7, 0), REFUSE);
  policy.ended(7, ENDS.indexOf('refused') as EndCode, 0, 0);
  assert.deepEqual(
    records.map(({ reason, backend, attempts }) => [reason, backend, attempts]),
    [['access_denied', null, 0]],
  );
  const { services } = policy.counters(new Float64Array(2));
  assert.equal(services[serviceAt(0, 'ended_access_denied_total')], 1);
  assert.equal(services[serviceAt(0, 'active')], 0);
  deniedTo.delete(7);
  assert.equal(policy.accepted(7, 0), 0);
});

test('a client whose connect failed waits where all that is left is full, and goes where it has not been', async (t) => {
  const service = assignedService(0, {}, { overloadPolicy: 'queue', queueMax: 1 });
  const { policy, waiting, settled, records } = scene(service);
  t.after(() => policy.close());
  const limits = snapshot(0, 1);
  policy.use({ ...limits, endpoints: [endpoint(0, { maxConnections: 2 }), endpoint(1, { maxConnections: 1 })] });
  assert.deepEqual([policy.accepted(1, 0), policy.accepted(2, 0), policy.accepted(3, 0)], [0, 1, 0]);
  policy.connected(2);
  assert.deepEqual([policy.failed(1, REFUSED), waiting.counts()], [WAIT, [{ service: 0, total: 1, now: 1 }]]);
  assert.equal(policy.failed(3, REFUSED), REFUSE, 'one may wait');
  policy.ended(3, ENDS.indexOf('refused') as EndCode, 0, 0);
  assert.equal(records[0]?.reason, 'connect_failed');
  await Promise.resolve();
  assert.deepEqual(settled, []);
  policy.ended(2, CLIENT_CLOSED, 1, 1);
  await Promise.resolve();
  assert.deepEqual([settled, waiting.counts()], [[[1, 1]], [{ service: 0, total: 1, now: 0 }]]);
  policy.connected(1);
  policy.ended(1, CLIENT_CLOSED, 1, 1);
  assert.deepEqual(records[2]?.tried, [{ backend: '127.0.0.1:9000', cause: 'refused' }]);
});

test('without a queue a client whose connect failed is refused where all that is left is full', () => {
  const { policy } = scene();
  const { services, remote } = snapshot(0, 1);
  policy.use({ services, remote, endpoints: [endpoint(0), endpoint(1, { maxConnections: 1 })] });
  assert.deepEqual([policy.accepted(1, 0), policy.accepted(2, 0)], [0, 1]);
  assert.equal(policy.failed(1, REFUSED), REFUSE);
});
