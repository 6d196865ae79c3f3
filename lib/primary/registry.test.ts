import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createRegistry } from './registry.ts';

test('what is known keeps its id, and different kinds have ids of their own', () => {
  const registry = createRegistry();
  assert.deepEqual([registry.service('web'), registry.service('db'), registry.service('web')], [0, 1, 0]);
  assert.deepEqual(
    [registry.endpoint('web', 'a:1'), registry.endpoint('db', 'a:1'), registry.endpoint('web', 'a:1')],
    [0, 1, 0],
  );
  assert.equal(registry.listener('127.0.0.1:80'), 0);
  assert.equal(registry.serviceOf(1), 'db');
  assert.deepEqual(registry.endpointOf(1), { service: 'db', address: 'a:1' });
});

test("an id that is nobody's has no name", () => {
  const registry = createRegistry();
  registry.service('web');
  for (const id of [-1, 1, 0.5, NaN, Infinity]) {
    assert.equal(registry.serviceOf(id), undefined);
    assert.equal(registry.endpointOf(id), undefined);
  }
});

test('the ids of a predecessor stay as they are until it has no workers left', () => {
  const before = createRegistry();
  for (const name of ['web', 'gone', 'db']) before.service(name);
  for (const address of ['a:1', 'b:1', 'c:1']) before.endpoint('web', address);
  const nothing = { services: [], endpoints: [], listeners: [] };
  before.keepOnly({
    ...nothing,
    services: ['web', 'db'],
    endpoints: [
      { service: 'web', address: 'a:1' },
      { service: 'web', address: 'c:1' },
    ],
  });
  const registry = createRegistry();
  registry.inherit(before.names());
  assert.deepEqual([registry.service('new'), registry.service('db'), registry.service('web')], [1, 2, 0]);
  assert.deepEqual([registry.endpoint('web', 'd:1'), registry.endpoint('web', 'c:1')], [1, 2]);
  registry.keepOnly(nothing);
  assert.deepEqual([registry.serviceOf(1), registry.serviceOf(2)], [undefined, 'db']);
  assert.deepEqual(registry.endpointOf(2), { service: 'web', address: 'c:1' });
  registry.alone();
  registry.keepOnly(nothing);
  assert.deepEqual(registry.names(), { services: [], endpoints: [] });
});

test('an id is given again only when what had it is in use no more', () => {
  const address = fc.constantFrom('a:1', 'b:1', 'c:1', 'd:1', 'e:1');
  const step = fc.oneof(
    fc.record({ what: fc.constant('add' as const), address }),
    fc.record({ what: fc.constant('keep' as const), kept: fc.uniqueArray(address) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const registry = createRegistry();
      const ids = new Map<string, number>();
      for (const it of steps) {
        if (it.what === 'add') {
          const id = registry.endpoint('web', it.address);
          assert.equal(id, ids.get(it.address) ?? id, 'it keeps its own');
          ids.set(it.address, id);
        } else {
          const endpoints = it.kept.map((kept) => ({ service: 'web', address: kept }));
          registry.keepOnly({ services: [], endpoints, listeners: [] });
          for (const known of ids.keys()) if (!it.kept.some((kept) => kept === known)) ids.delete(known);
        }
        assert.equal(new Set(ids.values()).size, ids.size, 'no two have the same');
        for (const [known, id] of ids) {
          assert.deepEqual(registry.endpointOf(id), { service: 'web', address: known });
          assert.ok(id < 5, 'numbers stay small');
        }
      }
    }),
  );
});
