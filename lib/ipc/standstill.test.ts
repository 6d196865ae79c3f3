import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStandstill, standstillOf } from './standstill.ts';

test('half of them, 99 of a hundred, and all stood still for so long and no longer', () => {
  const ms = Array.from({ length: 1000 }, (_, i) => (i * 7) % 1000).map((i) => i / 100);
  assert.deepEqual(standstillOf(ms), { p50: 4.99, p99: 9.89, max: 9.99 });
  assert.deepEqual(standstillOf([2.34567]), { p50: 2.35, p99: 2.35, max: 2.35 });
  assert.equal(standstillOf([]), null);
});

test('what a worker says of it has to be numbers', () => {
  assert.ok(isStandstill({ p50: 1, p99: 2, max: 3 }));
  for (const it of [null, 1, {}, { p50: 1, p99: 2 }, { p50: 1, p99: '2', max: 3 }]) assert.ok(!isStandstill(it));
});
