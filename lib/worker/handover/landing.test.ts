import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConnections } from '../connections.ts';
import { createLanding } from './landing.ts';

test("a reset cuts connections that arrive later, unless its endpoint was forgotten: the id may be the next one's", () => {
  const connections = createConnections();
  connections.endpoint[7] = 3;
  connections.connectedAt[7] = 1;
  const cut: unknown[] = [];
  const landing = createLanding({
    engine: { service: () => undefined, route: () => undefined, cut: (whose) => cut.push(whose) },
    connections,
    services: [],
    adopt: () => [],
    landed: () => undefined,
    cutFor: () => 'drain',
  });
  landing.reset(3, 'operator');
  landing.hasIt([7]);
  assert.deepEqual(cut, [{ connections: [7] }]);
  landing.forget([3]);
  landing.hasIt([7]);
  assert.equal(cut.length, 1);
});
