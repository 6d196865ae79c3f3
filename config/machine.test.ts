import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hardLimit, mayBindAll, thisMachine, usableCores } from './machine.ts';

test('hardLimit() reads the second column of /proc/self/limits', () => {
  const limits = (hard: string) =>
    `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 ${hard}               files     \nMax locked memory         1                    2                    bytes\n`;
  assert.equal(hardLimit(limits('524288')), 524_288);
  assert.equal(hardLimit(limits('unlimited')), null);
  assert.equal(hardLimit(''), null);
});

test('mayBindAll() looks at CAP_NET_BIND_SERVICE, and at the user where there is no /proc', () => {
  assert.equal(mayBindAll('CapPrm:\t0000000000000400\nCapEff:\t0000000000000000\n', 0), false);
  assert.equal(mayBindAll('CapEff:\t0000000000000400\n', 1000), true);
  assert.equal(mayBindAll('CapEff:\t000001ffffffffff\n', 0), true);
  assert.equal(mayBindAll('CapEff:\t000001fffffffbff\n', 0), false);
  assert.equal(mayBindAll('', 0), true);
  assert.equal(mayBindAll('', 1000), false);
});

test('usableCores() is the quota where that is less, and never none', () => {
  assert.equal(usableCores(64, Infinity), 64);
  assert.equal(usableCores(64, 0.5), 1);
  assert.equal(usableCores(64, 2.5), 3);
  assert.equal(usableCores(2, 8), 2);
});

test('thisMachine() knows this machine', () => {
  const { cores, own, descriptors } = thisMachine();
  assert.ok(cores >= 1);
  assert.ok(own.length > 0);
  assert.ok(descriptors === null || descriptors > 0);
});
