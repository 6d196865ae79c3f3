import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackendPlan } from '../../../config/plan.ts';
import { runtimeWith } from '../../testing/assignments.ts';
import type { PoolSettings } from './backend.ts';
import type { BackendEvent } from './backend-event.ts';
import type { Pool } from './pool.ts';
import { carryOver, createPool, nextChange, step } from './pool.ts';
import { nextTenth, slowStartOf, tenthsOf } from './slow-start.ts';

const SETTINGS: PoolSettings = {
  ...runtimeWith({ fall: 1, rise: 1, slowStartMs: 9000 }),
  isChecked: true,
  connectStandsForCheck: true,
  checkStandsForConnect: true,
};
const A: BackendPlan = {
  host: '127.0.0.1',
  port: 1,
  address: '127.0.0.1:1',
  weight: 3,
  backup: false,
  rank: 0,
  maxConnections: 0,
  sendProxy: null,
  sources: [],
  discover: 'address' as const,
  discoveredFrom: null,
  hostname: null,
};
const B: BackendPlan = { ...A, port: 2, address: '127.0.0.1:2' };

function passed(pool: Pool, now: number): Pool {
  const event: BackendEvent = {
    kind: 'passed',
    backend: 0,
    source: 'check',
    ip: null,
    began: now,
    at: now,
    count: 1,
    wall: 0,
  };
  return step(pool, event, now).pool;
}
function failed(pool: Pool, now: number): Pool {
  return step(pool, { kind: 'failed', backend: 0, cause: 'refused', fact: null, began: now, wall: 0 }, now).pool;
}
function tenths({ backends: [first] }: Pool, now: number, settings = SETTINGS): number {
  return first === undefined ? NaN : tenthsOf(first, settings, now);
}

test('a backend that is up at its first check has all of its weight at once', () => {
  const pool = passed(createPool([A], SETTINGS), 100);
  assert.equal(tenths(pool, 100), 10);
  assert.equal(nextChange(pool, 100), null);
});

test('one that comes up again has a tenth, one more with each ninth of the time, and in the end all', () => {
  const down = failed(passed(createPool([A], SETTINGS), 100), 200);
  const pool = passed(down, 1000);
  const seen: number[] = [];
  let now = 1000;
  for (;;) {
    seen.push(tenths(pool, now));
    const next = nextChange(pool, now);
    if (next === null) break;
    assert.equal(next, 1000);
    now += next;
  }
  assert.deepEqual([seen, now], [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 10_000]);
  assert.equal(tenths(pool, 1000, { ...SETTINGS, slowStartMs: 0 }), 10);
});

test('to come up again workers are told, also where that changes nothing but the weight', () => {
  const unchecked = { ...SETTINGS, isChecked: false, cooldownMs: 0, backoffInitialMs: 1, backoffMaxMs: 1 };
  const { pool } = step(
    createPool([A], unchecked),
    { kind: 'connect_failed', backend: 0, cause: 'refused', count: 1, guarded: false, began: 100, wall: 0 },
    100,
  );
  const up = step(
    pool,
    { kind: 'passed', backend: 0, source: 'connect', ip: null, began: 500, at: 500, count: 1, wall: 0 },
    500,
  );
  assert.deepEqual([up.routed, tenths(up.pool, 500)], [true, 1]);
});

test('to fail again and come up again begins anew', () => {
  const once = passed(failed(passed(createPool([A], SETTINGS), 100), 200), 1000);
  assert.equal(tenths(once, 5000), 5);
  assert.equal(tenths(passed(failed(once, 5000), 6000), 6000), 1);
});

test('one that joins, or gets its weight back, while the service runs begins slowly, and nobody else does', () => {
  const pool = passed(createPool([A], SETTINGS), 100);
  const joined = carryOver(pool, [A, B], SETTINGS, 1000);
  const [a, b] = joined.backends;
  assert.ok(a !== undefined && b !== undefined);
  assert.deepEqual([tenthsOf(a, SETTINGS, 1000), tenthsOf(b, SETTINGS, 1000)], [10, 1]);
  const drained = carryOver(pool, [{ ...A, weight: 0 }], SETTINGS, 1000);
  assert.equal(tenths(drained, 1000), 10);
  assert.equal(tenths(carryOver(drained, [A], SETTINGS, 2000), 2000), 1);
  assert.equal(tenths(carryOver(pool, [{ ...A, weight: 5 }], SETTINGS, 2000), 2000), 10);
});

test('people are told how much of its weight it has, and since when, unless it gets no clients anyhow', () => {
  const down = failed(passed(createPool([A], SETTINGS), 100), 200);
  const of = (pool: Pool, now: number) => {
    const [first] = pool.backends;
    return first === undefined ? undefined : slowStartOf(first, SETTINGS, now, 50_000 + now);
  };
  const up = passed(down, 1000);
  assert.deepEqual(of(up, 4500), { percent: 40, since: new Date(51_000).toISOString() });
  assert.equal(of(up, 10_000), null);
  assert.equal(of(failed(up, 2000), 2000), null);
  assert.equal(nextTenth(up.backends[0] ?? assert.fail(), SETTINGS, 10_000), null);
});
