import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSnapshot, Snapshot } from '../../ipc/snapshot.ts';
import { assignedService, endpoint } from '../../testing/assignments.ts';
import { createEndpoints } from './endpoints.ts';

const WEB = 2;
const DB = 5;

function created() {
  return createEndpoints([assignedService(WEB), assignedService(DB)], 1);
}

/** A snapshot with these endpoints of WEB, in this order. */
function snapshot(...endpoints: EndpointSnapshot[]): Snapshot {
  return {
    services: [{ id: WEB, guarded: false, byLoad: false, endpoints: endpoints.map(({ id }) => id) }],
    endpoints: endpoints.map((each) => ({ ...each, service: WEB })),
    remote: [],
  };
}

/** A snapshot that changes only these endpoints. */
function only(...endpoints: EndpointSnapshot[]): Snapshot {
  return { services: [], endpoints, remote: [] };
}

test('the first snapshot has a target for each endpoint that has an address', () => {
  const it = created();
  const first = {
    services: [
      { id: WEB, guarded: false, byLoad: false, endpoints: [7, 3] },
      { id: DB, guarded: true, byLoad: false, endpoints: [4] },
    ],
    endpoints: [
      endpoint(7, { service: WEB }),
      endpoint(3, { service: WEB, ip: null }),
      endpoint(4, { service: DB, ip: '::1' }),
    ],
    remote: [3, 12],
  };
  assert.deepEqual(it.use(first), [
    { id: 7, service: WEB, ip: '127.0.0.1', port: 9007, sources: [] },
    { id: 4, service: DB, ip: '::1', port: 9004, sources: [] },
  ]);
  assert.deepEqual(
    it.services[WEB]?.endpoints.map(({ id }) => id),
    [7, 3],
  );
  assert.deepEqual([it.services[WEB]?.guarded, it.services[DB]?.guarded], [false, true]);
});

test('a snapshot with other loads and tiers moves no endpoint', () => {
  const it = created();
  it.use(snapshot(endpoint(0), endpoint(1)));
  assert.deepEqual(it.use({ ...only(endpoint(1, { service: WEB, tier: 2 })), remote: [0, 7] }), []);
  assert.deepEqual(
    it.services[WEB]?.endpoints.map(({ tier }) => tier),
    [0, 2],
  );
});

test('a name that got an address, or another one, is a target; one that lost it keeps the old', () => {
  const it = created();
  it.use(snapshot(endpoint(0, { ip: null }), endpoint(1), endpoint(2)));
  const moved = it.use(only(endpoint(0, { ip: '::1' }), endpoint(1, { ip: null }), endpoint(2, { port: 1 })));
  assert.deepEqual(
    moved.map(({ id, ip, port }) => [id, ip, port]),
    [
      [0, '::1', 9000],
      [2, '127.0.0.1', 1],
    ],
  );
});

test('an endpoint that a snapshot leaves out is retired, and known until it is forgotten', () => {
  const it = created();
  it.use(snapshot(endpoint(0), endpoint(1), endpoint(2)));
  it.use(snapshot(endpoint(2), endpoint(0)));
  assert.deepEqual([...it.retired], [1]);
  assert.equal(it.all[1]?.name, '127.0.0.1:9001');
  it.forget(1);
  assert.deepEqual([[...it.retired], it.all[1]], [[], undefined]);
});

test('an endpoint that comes back before it is forgotten is not retired; afterwards it is a new one', () => {
  const it = created();
  it.use(snapshot(endpoint(0), endpoint(1)));
  it.use(snapshot(endpoint(0)));
  it.use(snapshot(endpoint(0), endpoint(1)));
  assert.deepEqual([...it.retired], []);
  it.use(snapshot(endpoint(0)));
  it.forget(1);
  assert.deepEqual(
    it.use(snapshot(endpoint(0), endpoint(1, { name: 'other:1', ip: '::1' }))).map(({ id, ip }) => [id, ip]),
    [[1, '::1']],
  );
  assert.equal(it.services[WEB]?.endpoints[1]?.name, 'other:1');
});

test('a service that the worker does not have, and an endpoint that nobody has described, are passed over', () => {
  const it = created();
  it.use({ services: [{ id: 77, guarded: true, byLoad: false, endpoints: [0] }], endpoints: [], remote: [9, 1] });
  it.use({ services: [{ id: WEB, guarded: false, byLoad: false, endpoints: [8] }], endpoints: [], remote: [] });
  assert.deepEqual(it.services[WEB]?.endpoints, []);
});
