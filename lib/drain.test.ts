import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drainUntil } from './drain.ts';

test('a drain has the configured time, or the one that is asked for', () => {
  assert.equal(drainUntil(null, null, 30_000, 100), 30_100);
  assert.equal(drainUntil(null, 5000, 30_000, 100), 5100);
  assert.equal(drainUntil(null, 0, 30_000, 100), 100);
});

test('asked for again without a time it keeps its end, or comes to it sooner', () => {
  assert.equal(drainUntil(30_100, null, 30_000, 20_000), 30_100);
  assert.equal(drainUntil(600_000, null, 30_000, 100), 30_100);
});

test('another time counts whether it is shorter or longer', () => {
  assert.equal(drainUntil(30_100, 0, 30_000, 20_000), 20_000);
  assert.equal(drainUntil(30_100, 60_000, 30_000, 20_000), 80_000);
});
