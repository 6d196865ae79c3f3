import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Method } from '../../../config/plan.ts';
import { RANKS } from '../../ipc/snapshot.ts';
import { assignedService, endpoint } from '../../testing/assignments.ts';
import { choose as chooseNext, firstPosition, FULL, NOTHING, retriesAllowed, type Tried } from './balancer.ts';
import type { Endpoint, Service } from './endpoints.ts';
import { createLoads, type Loads } from './loads.ts';
import { createPicker } from './methods/method.ts';

const METHODS: readonly Method[] = ['round_robin', 'least_connections', 'random', 'source_hash'];

/** A service whose round begins at `position`. */
function service(endpoints: readonly Partial<Endpoint>[], method: Method = 'round_robin', position = 0): Service {
  const all = endpoints.map((its, id) => ({ ...endpoint(id), ...its }));
  const picker = createPicker(method, () => position);
  picker.use(all, Math.min(...all.flatMap(({ ip, weight, tier }) => (ip !== null && weight > 0 ? [tier] : []))));
  return { ...assignedService(0, { method }), guarded: false, endpoints: all, picker, choices: all.length };
}

/** Returns the next choice of a service, which keeps its position. */
function next(web: Service, tried: Tried | null, loads: Loads, skipUntil: number[], now: number): number {
  const clientAddress = (): string => '10.0.0.1:1';
  return chooseNext(web, { connection: 0, tried, now, loads, evidence: { skipUntil }, clientAddress });
}

/** Returns the choice of a service whose round is at `position`. */
function choose(
  { endpoints, method }: Service,
  position: number,
  tried: Tried | null,
  loads: Loads,
  skipUntil: number[],
  now: number,
): number {
  return next(service(endpoints, method, position), tried, loads, skipUntil, now);
}

/** Loads with this worker's `own` connections and those of the others. */
function held(own: readonly number[], others: readonly number[] = []): Loads {
  const loads = createLoads(null);
  loads.reserve(Math.max(own.length, others.length));
  own.forEach((count, id) => Array.from({ length: count }, () => loads.take(id, 0)));
  others.forEach((count, id) => loads.setOthers(id, count));
  return loads;
}

const idle = held([]);

/** Returns the endpoints that `times` consecutive connections get. */
function inTurn(web: Service, times: number, skipUntil: number[] = [], now = 0): number[] {
  return Array.from({ length: times }, () => next(web, null, idle, skipUntil, now));
}

const anyEndpoint = fc.record({
  ip: fc.constantFrom('127.0.0.1', null),
  tier: fc.constantFrom(0, 1, 2, 3, 4, 5),
});
const anyCounts = fc.array(fc.nat(5), { minLength: 12, maxLength: 12 });
const anyService = fc
  .tuple(fc.array(anyEndpoint, { maxLength: 12 }), fc.constantFrom(...METHODS), fc.nat(12))
  .map(([endpoints, method, position]) => service(endpoints, method, position));

test('round_robin takes the backends in turn', () => {
  assert.deepEqual(inTurn(service([{}, {}, {}]), 7), [0, 1, 2, 0, 1, 2, 0]);
});

test('round_robin shares what a missing backend leaves evenly among the others', () => {
  assert.deepEqual(inTurn(service([{}, { tier: 4 }, {}, { ip: null }]), 6), [0, 2, 0, 2, 0, 2]);
});

test('a backend that this worker could not reach a moment ago comes after the usable and before the down ones', () => {
  const web = service([{ tier: 4 }, {}, {}]);
  assert.deepEqual(inTurn(web, 2, [0, 50, 0], 49), [2, 2]);
  assert.deepEqual(inTurn(web, 2, [0, 50, 50], 49), [1, 2]);
  assert.deepEqual(inTurn(web, 2, [0, 50, 0], 50), [1, 2]);
});

test('if everything is down, everything is tried', () => {
  assert.deepEqual(inTurn(service([{ tier: 4 }, { tier: 4 }]), 4), [0, 1, 0, 1]);
});

test('least_connections counts what the other workers hold, and takes turns on a draw', () => {
  const web = service([{}, {}, {}], 'least_connections');
  const others = [3, 1, 0];
  assert.equal(choose(web, 0, null, held([0, 0, 2], others), [], 0), 1);
  assert.equal(choose(web, 0, null, held([0, 2, 3], others), [], 0), 0);
  assert.equal(choose(web, 1, null, held([0, 2, 3], others), [], 0), 1);
  assert.equal(choose(web, 2, null, held([0, 2, 3], others), [], 0), 2);
});

test('least_connections prefers a busy usable backend to an idle one that is down', () => {
  const web = service([{}, { tier: 4 }], 'least_connections');
  assert.equal(choose(web, 1, null, held([9]), [], 0), 0);
});

test('nothing is chosen when there is nothing to choose', () => {
  assert.equal(choose(service([]), 0, null, idle, [], 0), NOTHING);
  assert.equal(choose(service([{ ip: null }]), 0, null, idle, [], 0), NOTHING);
  assert.equal(choose(service([{}]), 0, new Set([0]), idle, [], 0), NOTHING);
});

test('one connection tries every endpoint that has an address exactly once, better tiers first', () => {
  fc.assert(
    fc.property(anyService, fc.array(fc.nat(20)), (web, skipUntil) => {
      const now = 10;
      const tried = new Set<number>();
      const tiers: number[] = [];
      for (;;) {
        const index = next(web, tried, idle, skipUntil, now);
        if (index === NOTHING) break;
        const it = web.endpoints[index];
        assert.ok(it !== undefined && it.ip !== null && !tried.has(it.id));
        tried.add(it.id);
        tiers.push(it.tier < 2 && (skipUntil[it.id] ?? 0) > now ? it.tier + 2 : it.tier);
      }
      assert.equal(tried.size, web.endpoints.filter((it) => it.ip !== null).length);
      assert.deepEqual(
        tiers,
        tiers.toSorted((a, b) => a - b),
      );
    }),
  );
});

test('round_robin gives the backends of the best tier shares that differ by one connection at most', () => {
  fc.assert(
    fc.property(
      fc.array(anyEndpoint, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 100 }),
      (endpoints, n) => {
        const web = service(endpoints);
        const shares = new Map<number, number>();
        for (const it of inTurn(web, n)) shares.set(it, (shares.get(it) ?? 0) + 1);
        const withAddress = web.endpoints.filter((it) => it.ip !== null);
        if (withAddress.length === 0) return assert.deepEqual([...shares.keys()], [-1]);
        const best = Math.min(...withAddress.map((it) => it.tier));
        const expected = withAddress.filter((it) => it.tier === best).map((it) => it.id);
        const counts = expected.map((backend) => shares.get(backend) ?? 0);
        assert.equal(
          counts.reduce((sum, count) => sum + count, 0),
          n,
        );
        return assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
      },
    ),
  );
});

test('least_connections never chooses a backend while one of the same tier has fewer connections', () => {
  fc.assert(
    fc.property(
      fc.array(anyEndpoint, { maxLength: 12 }),
      anyCounts,
      anyCounts,
      fc.nat(12),
      (endpoints, own, others, start) => {
        const web = service(endpoints, 'least_connections');
        const loads = held(own, others);
        const chosen = web.endpoints[choose(web, start, null, loads, [], 0)];
        if (chosen === undefined) return;
        const load = (it: Endpoint) => (own[it.id] ?? 0) + (others[it.id] ?? 0);
        for (const it of web.endpoints) {
          if (it.ip !== null && it.tier === chosen.tier) assert.ok(load(it) >= load(chosen));
        }
      },
    ),
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
    [0, 1, 2, 5].map((endpoints) => retriesAllowed(endpoints, false, 0)),
    [0, 0, 1, 4],
  );
  assert.deepEqual(
    [0, 1, 2, 5].map((endpoints) => retriesAllowed(endpoints, true, 0)),
    [0, 0, 1, 1],
  );
});

test('a client may try no more backends than the configuration allows', () => {
  assert.deepEqual(
    [1, 2, 3, 9].map((most) => retriesAllowed(4, false, most)),
    [0, 1, 2, 3],
  );
  assert.deepEqual(
    [1, 2, 3].map((most) => retriesAllowed(4, true, most)),
    [0, 1, 1],
  );
});

/** Returns how many of `connections` each endpoint gets. */
function sharesOf(web: Service, connections: number): number[] {
  const shares = web.endpoints.map(() => 0);
  for (const i of inTurn(web, connections)) {
    const id = web.endpoints[i]?.id ?? -1;
    shares[id] = (shares[id] ?? 0) + 1;
  }
  return shares;
}

test('round_robin gives each backend its weight of every round, and none to one without', () => {
  assert.deepEqual(
    sharesOf(service([{ weight: 5 }, { weight: 1 }, { weight: 0 }, { weight: 4 }]), 100),
    [50, 10, 0, 40],
  );
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }), (weights) => {
      const total = weights.reduce((a, b) => a + b);
      const web = service(weights.map((weight) => ({ weight })));
      assert.deepEqual(
        sharesOf(web, total * 3),
        weights.map((weight) => weight * 3),
      );
    }),
  );
});

test('what a heavy backend leaves when it is down goes to the others', () => {
  assert.deepEqual(sharesOf(service([{ weight: 8, tier: 4 }, {}, {}]), 100), [0, 50, 50]);
  const outage = service([{ weight: 3, tier: 4 }, { tier: 4 }]);
  assert.deepEqual(sharesOf(outage, 100), [75, 25], 'and where all are down each has its weight');
});

test('least_connections counts connections for their weight', () => {
  const web = service([{ weight: 3 }, { weight: 1 }], 'least_connections');
  assert.equal(choose(web, 0, null, held([2, 1]), [], 0), 0);
  assert.equal(choose(web, 0, null, held([3, 0]), [], 0), 1);
  assert.equal(choose(web, 1, null, held([4, 1]), [], 0), 0, 'with this one each has its weight');
  assert.equal(choose(web, 1, null, held([0, 0]), [], 0), 0, 'also where all are idle');
});

test('a backup is used before a backend that is less than well, and not before', () => {
  assert.deepEqual(inTurn(service([{}, { tier: 1 }]), 2), [0, 0]);
  assert.deepEqual(inTurn(service([{ tier: 2 }, { tier: 1 }, { tier: 4 }]), 2), [1, 1]);
  assert.deepEqual(inTurn(service([{}, { tier: 1 }]), 1, [50, 0], 49), [1], 'this worker could not reach the other');
  assert.deepEqual(inTurn(service([{ tier: 4 }, { tier: 5 }]), 2), [0, 0], 'all are down');
});

test('of backups the lowest rank is used, by every method', () => {
  for (const method of METHODS) {
    assert.deepEqual(inTurn(service([{ tier: 4 }, { tier: 1 + 1 / RANKS }, { tier: 1 }], method), 2), [2, 2], method);
    assert.deepEqual(inTurn(service([{ tier: 3 }, { tier: 1 + 1 / RANKS }, { tier: 4 }], method), 2), [1, 1], method);
    assert.deepEqual(inTurn(service([{}, { tier: 1 + 1 / RANKS }, { tier: 1 }], method), 2), [0, 0], method);
  }
});

test('one that is full is passed over, and its turn goes to the next', () => {
  const web = service([{ maxConnections: 2 }, {}, { maxConnections: 1 }]);
  const loads = held([1, 5, 1], [1]);
  const chosen = Array.from({ length: 3 }, () => next(web, null, loads, [], 0) + 1);
  assert.deepEqual(chosen, [2, 2, 2]);
  loads.release(2);
  assert.equal(choose(web, 2, null, loads, [], 0), 2);
});

test('where all that work are full a backup serves, but not one that has failed', () => {
  const full = { maxConnections: 1 };
  for (const method of METHODS) {
    const at = (...endpoints: Partial<Endpoint>[]): number =>
      choose(service(endpoints, method), 0, null, held([1, 1, 1]), [], 0);
    assert.equal(at(full, full, {}), 2);
    assert.equal(at(full, full, { tier: 1 }), 2, method);
    assert.equal(at(full, { tier: 2 }, { tier: 4 }), FULL, method);
    assert.equal(at(full, full), FULL, method);
    assert.equal(
      at({ ...full, tier: 4 }, { ...full, tier: 4 }),
      NOTHING,
      'who does not work does not make anybody wait',
    );
    assert.equal(at({ ...full, tier: 4 }, { tier: 4 }), 1);
  }
});
