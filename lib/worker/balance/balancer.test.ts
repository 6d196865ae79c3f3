import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Method } from '../../../config/plan.ts';
import type { Route, ServiceTable } from '../../ipc/table.ts';
import { choose, firstPosition, retriesAllowed } from './balancer.ts';

function service(routes: readonly Partial<Route>[], method: Method = 'round_robin'): ServiceTable {
  return {
    name: 'default',
    method,
    routes: routes.map((route, i) => ({
      backend: i,
      name: `127.0.0.1:${9000 + i}`,
      ip: '127.0.0.1',
      port: 9000 + i,
      rank: 0,
      provenAt: 0,
      elsewhere: 0,
      ...route,
    })),
    guarded: false,
    connectTimeoutMs: 1000,
    idleMs: 1000,
    keepaliveMs: 0,
    halfClosedMs: 1000,
    backlog: 1,
    drainMs: 1000,
    reloadDrainMs: 0,
    start: 0,
    cooldownMs: 1000,
    pool: null,
  };
}

/** The routes that `times` connections in a row get. */
function inTurn(table: ServiceTable, times: number, skipUntil: number[] = [], now = 0): number[] {
  let position = 0;
  return Array.from({ length: times }, () => {
    const route = choose(table, position, null, [], skipUntil, now);
    position = route + 1;
    return route;
  });
}

const anyRoute = fc.record({
  ip: fc.constantFrom('127.0.0.1', null),
  rank: fc.constantFrom(0, 1, 2),
  provenAt: fc.constant(0),
  elsewhere: fc.nat(5),
});
const anyService = fc
  .tuple(fc.array(anyRoute, { maxLength: 12 }), fc.constantFrom<Method>('round_robin', 'least_connections'))
  .map(([routes, method]) => service(routes, method));

test('round_robin takes the backends in turn', () => {
  assert.deepEqual(inTurn(service([{}, {}, {}]), 7), [0, 1, 2, 0, 1, 2, 0]);
});

test('round_robin shares what a missing backend leaves evenly among the others', () => {
  assert.deepEqual(inTurn(service([{}, { rank: 2 }, {}, { ip: null }]), 6), [0, 2, 0, 2, 0, 2]);
});

test('a backend that this worker could not reach a moment ago comes after the usable and before the down ones', () => {
  const table = service([{ rank: 2 }, {}, {}]);
  assert.deepEqual(inTurn(table, 2, [0, 50, 0], 49), [2, 2]);
  assert.deepEqual(inTurn(table, 2, [0, 50, 50], 49), [1, 2]);
  assert.deepEqual(inTurn(table, 2, [0, 50, 0], 50), [1, 2]);
});

test('if everything is down, everything is tried', () => {
  assert.deepEqual(inTurn(service([{ rank: 2 }, { rank: 2 }]), 4), [0, 1, 0, 1]);
});

test('least_connections counts what the other workers hold, and takes turns on a draw', () => {
  const table = service([{ elsewhere: 3 }, { elsewhere: 1 }, { elsewhere: 0 }], 'least_connections');
  assert.equal(choose(table, 0, null, [0, 0, 2], [], 0), 1);
  assert.equal(choose(table, 0, null, [0, 2, 3], [], 0), 0);
  assert.equal(choose(table, 1, null, [0, 2, 3], [], 0), 1);
  assert.equal(choose(table, 2, null, [0, 2, 3], [], 0), 2);
});

test('least_connections prefers a busy usable backend to an idle one that is down', () => {
  const table = service([{ elsewhere: 9 }, { rank: 2 }], 'least_connections');
  assert.equal(choose(table, 1, null, [], [], 0), 0);
});

test('nothing is chosen when there is nothing to choose', () => {
  assert.equal(choose(service([]), 0, null, [], [], 0), -1);
  assert.equal(choose(service([{ ip: null }]), 0, null, [], [], 0), -1);
  assert.equal(choose(service([{}]), 0, new Set([0]), [], [], 0), -1);
});

test('one connection tries every route that has an address exactly once, better ranks first', () => {
  fc.assert(
    fc.property(anyService, fc.nat(12), fc.array(fc.nat(20)), (table, start, skipUntil) => {
      const now = 10;
      const tried = new Set<number>();
      const ranks: number[] = [];
      let position = start;
      for (;;) {
        const index = choose(table, position, tried, [], skipUntil, now);
        if (index === -1) break;
        const route = table.routes[index];
        assert.ok(route !== undefined && route.ip !== null && !tried.has(route.backend));
        tried.add(route.backend);
        ranks.push(route.rank === 0 && (skipUntil[route.backend] ?? 0) > now ? 1 : route.rank);
        position = index + 1;
      }
      assert.equal(tried.size, table.routes.filter((route) => route.ip !== null).length);
      assert.deepEqual(
        ranks,
        ranks.toSorted((a, b) => a - b),
      );
    }),
  );
});

test('round_robin gives the backends of the best rank shares that differ by one connection at most', () => {
  fc.assert(
    fc.property(fc.array(anyRoute, { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 100 }), (routes, n) => {
      const table = service(routes);
      const shares = new Map<number, number>();
      for (const route of inTurn(table, n)) shares.set(route, (shares.get(route) ?? 0) + 1);
      const withAddress = table.routes.filter((route) => route.ip !== null);
      if (withAddress.length === 0) return assert.deepEqual([...shares.keys()], [-1]);
      const best = Math.min(...withAddress.map((route) => route.rank));
      const expected = withAddress.filter((route) => route.rank === best).map((route) => route.backend);
      const counts = expected.map((backend) => shares.get(backend) ?? 0);
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        n,
      );
      return assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
    }),
  );
});

test('least_connections never chooses a backend while one of the same rank has fewer connections', () => {
  fc.assert(
    fc.property(fc.array(anyRoute, { maxLength: 12 }), fc.array(fc.nat(5)), fc.nat(12), (routes, own, start) => {
      const table = service(routes, 'least_connections');
      const chosen = table.routes[choose(table, start, null, own, [], 0)];
      if (chosen === undefined) return;
      const load = (route: Route) => route.elsewhere + (own[route.backend] ?? 0);
      for (const route of table.routes) {
        if (route.ip !== null && route.rank === chosen.rank) assert.ok(load(route) >= load(chosen));
      }
    }),
  );
});

test('workers forked one after the other begin with different backends', () => {
  assert.deepEqual(
    [1, 2, 3, 4].map((id) => firstPosition(id, 0, 3)),
    [0, 1, 2, 0],
  );
  assert.equal(firstPosition(7, 0, 0), 0);
});

test('after a reload the first worker goes on where the last generation was', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((accepted) => firstPosition(1, accepted, 3)),
    [0, 1, 2, 0, 1],
  );
});

test('a client may try all backends, in protection mode two', () => {
  assert.deepEqual(
    [0, 1, 2, 5].map((routes) => retriesAllowed(routes, false)),
    [0, 0, 1, 4],
  );
  assert.deepEqual(
    [0, 1, 2, 5].map((routes) => retriesAllowed(routes, true)),
    [0, 0, 1, 1],
  );
});
