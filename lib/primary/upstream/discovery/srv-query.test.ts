// A query for SRV records to a name server that cannot be reached.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askForServices } from './srv-query.ts';

// Linux refuses to connect to a link-local address without a zone, and to any address without a route.
test('a name server to which no socket can be connected gives no answer', async () => {
  const open = new Set<() => void>();
  assert.equal(await askForServices('_a._tcp.example.test', 'fe80::1', open), null);
  assert.equal(open.size, 0);
});
