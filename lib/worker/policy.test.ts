import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDS, INSPECT, MORE, REFUSE, WAIT, type EndCode } from '../engine/engine.ts';
import { serviceAt } from '../ipc/counters.ts';
import type { Snapshot } from '../ipc/snapshot.ts';
import { assignedListener, assignedService, endpoint } from '../testing/assignments.ts';
import { helloFor } from '../testing/hello.ts';
import { quietReporter } from '../testing/quiet-reporter.ts';
import type { Admission } from './admission/admission.ts';
import { createWaiting } from './admission/waiting.ts';
import { createLoads } from './balance/loads.ts';
import { createEndpoints } from './balance/endpoints.ts';
import { createConnections } from './connections.ts';
import { createCount } from './report/count.ts';
import { createPolicy } from './policy.ts';
import type { Ended } from './report/record-buffer.ts';
import { createRouting } from './routing/routing.ts';

const [REFUSED, CLIENT_CLOSED] = [0, 0] as const;

function snapshot(...ids: number[]): Snapshot {
  return {
    services: [{ id: 0, guarded: false, byLoad: false, endpoints: ids }],
    endpoints: ids.map((id) => endpoint(id)),
    remote: [],
  };
}

/** One service that admits every client. */
function scene(service = assignedService(0), client = '127.0.0.1:1') {
  const records: Ended[] = [];
  const forgotten: string[] = [];
  const waiting = createWaiting([service], null);
  const settled: [number, number][] = [];
  const deniedTo = new Set<number>();
  const over = new Set<number>();
  const routing = createRouting();
  routing.add(assignedListener(0));
  const count = createCount();
  const policy = createPolicy({
    logConnections: 'all',
    routing,
    endpoints: createEndpoints([service], 1),
    connections: createConnections(),
    count,
    loads: createLoads(null),
    access: { allows: (connection) => !deniedTo.has(connection) },
    sourceLimits: { enter: () => null, leave: () => undefined },
    admission: { admit: () => 'yes', complete: () => 'yes', release: () => undefined } as unknown as Admission,
    queue: { board: null, waiting, settled: (connection, target) => void settled.push([connection, target]) },
    reporter: quietReporter,
    records: {
      add: (record) => void records.push(record),
      forget: (...names) => void forgotten.push(names.join(' ')),
      close: () => undefined,
    },
    isOver: (id) => over.has(id),
    clientAddress: () => client,
    clientIp: () => null,
    ends: () => ({ client: null, local: null }),
    take: () => undefined,
    setClient: () => undefined,
  });
  return { policy, records, deniedTo, waiting, settled, routing, over, count, forgotten };
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
  const { policy, forgotten } = scene();
  policy.use(snapshot(0));
  policy.accepted(7, 0);
  policy.failed(7, REFUSED);
  policy.ended(7, 7, 0, 0);
  policy.use(snapshot());
  assert.ok(policy.counters(new Float64Array(2)).endpoints.some((value) => value > 0));
  policy.forget(policy.unused());
  assert.deepEqual(forgotten, ['service0 127.0.0.1:9000'], 'records forget its name');
  policy.use(snapshot(0));
  assert.ok(policy.counters(new Float64Array(2)).endpoints.every((value) => value === 0));
  assert.equal(policy.accepted(8, 0), 0);
});

test('a client that is gone before it can be told whether it is a proxy gets no backend', () => {
  const refused = ENDS.indexOf('refused') as EndCode;
  for (const [client, answer, reason] of [
    ['', REFUSE, 'client_gone'],
    ['unix', 0, 'client_closed'],
  ] as const) {
    const { policy, routing, records } = scene(assignedService(0), client);
    policy.use(snapshot(0));
    routing.add(assignedListener(1, { proxiesFrom: ['10.0.0.0/8'] }));
    assert.equal(policy.accepted(7, 1), answer);
    if (answer !== REFUSE) policy.connected(7);
    policy.ended(7, answer === REFUSE ? refused : CLIENT_CLOSED, 0, 0);
    assert.deepEqual(
      records.map((it) => it.reason),
      [reason],
    );
  }
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

test('where services share a listener a client is counted for it until its service is known, and for good if it never is', () => {
  const [LISTENER, GONE, REFUSED_END] = [5, ENDS.indexOf('client_gone') as EndCode, ENDS.indexOf('refused') as EndCode];
  const { policy, records, deniedTo, routing, over, count: counts } = scene();
  counts.reserveService(LISTENER);
  const count = (service: number, ...fields: Parameters<typeof serviceAt>[1][]): number[] => {
    const { services } = policy.counters(new Float64Array());
    return fields.map((field) => services[serviceAt(service, field)] ?? 0);
  };
  routing.add(assignedListener(7, { service: LISTENER, routes: [{ service: 0, names: ['a.test'], protocols: [] }] }));
  policy.use(snapshot(0));
  const inspect = (connection: number, bytes: Buffer): number => policy.inspected?.(connection, bytes, 0) ?? NaN;
  for (const connection of [1, 2, 3, 4, 5]) assert.equal(policy.accepted(connection, 7), INSPECT);
  assert.deepEqual([...count(LISTENER, 'active', 'accepted_total'), ...count(0, 'active')], [5, 0, 0]);
  const hello = helloFor('a.test');
  assert.equal(inspect(1, hello.subarray(0, 20)), MORE);
  assert.equal(inspect(1, hello), 0);
  assert.deepEqual(
    [...count(LISTENER, 'active', 'accepted_total'), ...count(0, 'active', 'accepted_total')],
    [4, 0, 1, 1],
  );
  policy.connected(1);
  policy.ended(1, CLIENT_CLOSED, 1, 1);
  assert.equal(inspect(2, helloFor('b.test')), REFUSE);
  policy.ended(2, REFUSED_END, 0, 0);
  policy.ended(3, GONE, 0, 0);
  // Both are counted for the service: a client without access to it, and one that comes after its connections were cut.
  deniedTo.add(4);
  assert.equal(inspect(4, hello), REFUSE);
  policy.ended(4, REFUSED_END, 0, 0);
  over.add(0);
  policy.cutFor('stopped');
  assert.equal(inspect(5, hello), REFUSE);
  policy.ended(5, REFUSED_END, 0, 0);
  assert.deepEqual(
    records.map(({ service, reason }) => `${service} ${reason}`),
    [
      'service0 client_closed',
      '127.0.0.1:9207 no_route',
      '127.0.0.1:9207 client_gone',
      'service0 access_denied',
      'service0 stopped',
    ],
  );
  assert.deepEqual(
    count(LISTENER, 'active', 'accepted_total', 'ended_no_route_total', 'ended_client_gone_total'),
    [0, 2, 1, 1],
  );
  assert.deepEqual(
    count(0, 'active', 'accepted_total', 'ended_access_denied_total', 'ended_stopped_total'),
    [0, 3, 1, 1],
  );
});
