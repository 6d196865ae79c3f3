import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Catalog } from '../../ipc/handover.ts';
import { CATALOG_AT_MOST, isCatalog } from '../../ipc/handover.ts';
import { assignedService } from '../../testing/assignments.ts';
import { catalogOf, joinCatalog, piecesOf } from './catalog.ts';

/** The primary kills a worker that writes a longer line. */
const LINE_BYTES = 16 * 1024 * 1024;
const NAME = 'n'.repeat(500);

/** A catalog of the largest size with very long names. */
function largest(): Catalog {
  const count = 4096;
  return {
    services: Array.from({ length: count }, (_, id) => ({ ...assignedService(id), name: `${NAME}${id}` })),
    endpoints: Array.from({ length: CATALOG_AT_MOST }, (_, id) => {
      return { id, service: id % count, name: `${NAME}${id}`, ip: null, port: 1 };
    }),
  };
}

test('the primary is asked about the largest catalog in lines that it reads, and about all of it once', () => {
  const catalog = largest();
  assert.ok(isCatalog(catalog));
  const seen = { services: new Set<number>(), endpoints: [] as number[] };
  for (const piece of piecesOf(catalog)) {
    const line = JSON.stringify({ kind: 'adopting', path: '/home/h.1', catalog: piece });
    assert.ok(line.length < LINE_BYTES / 2, `${line.length} bytes`);
    const its = new Set(piece.services.map(({ id }) => id));
    for (const { id, service } of piece.endpoints) {
      assert.ok(its.has(service), 'its service is in the same piece');
      seen.endpoints.push(id);
    }
    its.forEach((id) => seen.services.add(id));
  }
  assert.deepEqual([seen.services.size, seen.endpoints.length], [4096, CATALOG_AT_MOST]);
  assert.equal(new Set(seen.endpoints).size, CATALOG_AT_MOST);
});

test('of a worker without endpoints there is one piece, and parts are put together again', () => {
  const none: Catalog = { services: [], endpoints: [] };
  assert.deepEqual([...piecesOf(none)], [none]);
  assert.equal(joinCatalog(largest(), { services: [], endpoints: largest().endpoints.slice(0, 1) }), null);
  const { parts } = catalogOf({ services: [], all: [] });
  assert.deepEqual(parts, [{ kind: 'catalog', last: true, ...none }]);
});
