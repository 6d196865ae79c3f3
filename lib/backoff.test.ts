import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { backoff, jitter } from './backoff.ts';

test('backoff() doubles from the initial wait up to the maximum', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6].map((failures) => backoff(200, 5000, failures)),
    [0, 200, 400, 800, 1600, 3200, 5000],
  );
});

test('backoff() never falls with more failures, never exceeds the maximum and is always a number', () => {
  const ms = fc.nat(100_000);
  const failures = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
  fc.assert(
    fc.property(ms, ms, failures, (initial, max, n) => {
      const wait = backoff(initial, max, n);
      assert.ok(wait >= 0 && wait <= max);
      assert.ok(backoff(initial, max, n + 1) >= wait);
    }),
  );
});

test('jitter() stays within a tenth of what it is given', () => {
  assert.equal(
    jitter(1000, () => 0),
    900,
  );
  assert.equal(
    jitter(1000, () => 0.5),
    1000,
  );
  for (let i = 0; i < 1000; i++) {
    const ms = jitter(1000);
    assert.ok(ms >= 900 && ms < 1100);
  }
});
