import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createThrottle } from './throttle.ts';

test('a throttle is open at once, and again ten seconds after it was closed', () => {
  const throttle = createThrottle();
  assert.equal(throttle.isOpen(5), true);
  assert.equal(throttle.isOpen(5), true, 'looking does not close it');
  throttle.close(5);
  assert.deepEqual(
    [5, 10_004, 10_005].map((now) => throttle.isOpen(now)),
    [false, false, true],
  );
});
