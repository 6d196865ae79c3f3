import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assignedService } from '../../testing/assignments.ts';
import { createConnections } from '../connections.ts';
import { createParcels } from './parcels.ts';

test('of a share those go first in which nothing moves; who has just come, or has no backend yet, stays', () => {
  const connections = createConnections();
  const now = performance.now();
  /** Ms since each was connected, and since its last byte; null: it is still connecting. */
  const all = [
    [9000, 10],
    [9000, 8000],
    [10, 10],
    [null, 0],
    [5000, 4000],
    [5000, 0],
  ] as const;
  all.forEach(([age], id) => {
    connections.endpoint[id] = 0;
    connections.attemptAt[id] = now - 10_000;
    connections.connectedAt[id] = age === null ? 0 : now - age;
  });
  const service = { ...assignedService(0, {}, { reloadDrainMs: 60_000 }) };
  const parcels = createParcels({
    engine: { quietFor: (id: number) => all[id]?.[1] ?? 0 },
    connections,
    endpoints: { services: [service] },
  } as never);
  // As in a real handover, each connection leaves.
  const share: number[] = [];
  for (const id of parcels.ready('share')) {
    share.push(id);
    connections.endpoint[id] = -1;
  }
  assert.deepEqual(share, [1, 4, 0, 5]);
  assert.deepEqual([...parcels.ready('all')], [2]);
  assert.deepEqual([...parcels.ready('reloaded')], [], 'a reload gives this service a time');
  assert.equal(parcels.left('all'), 'connecting');
});
