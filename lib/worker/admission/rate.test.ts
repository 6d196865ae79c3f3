import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isRateOver, takeRate } from './rate.ts';

const SECOND = 1000;

/** The times at which a client gets in. */
function admitted(times: readonly number[], most: number): number[] {
  const words = new Int32Array(4);
  return times.filter((at) => takeRate(words, 1, most, at));
}

test('so many get in at once, and none beyond them', () => {
  const at = 5000 * SECOND + 10;
  assert.equal(
    admitted(
      Array.from({ length: 50 }, () => at),
      10,
    ).length,
    10,
  );
});

test('half a second into the next one half of the last one counts', () => {
  const begin = 7 * SECOND;
  const words = new Int32Array(2);
  for (let i = 0; i < 10; i++) assert.ok(takeRate(words, 0, 10, begin + 999));
  assert.equal(takeRate(words, 0, 10, begin + 1000), false);
  let more = 0;
  while (takeRate(words, 0, 10, begin + 1500)) more++;
  assert.equal(more, 5);
});

test('a flood gets in about as often as it may, wherever it begins', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), fc.integer({ min: 1, max: 50 }), (begin, most) => {
      const seconds = 10;
      const flood = Array.from({ length: seconds * 200 }, (_, i) => begin + 5 * i);
      const count = admitted(flood, most).length;
      assert.ok(count <= (seconds + 1) * most, `${count}`);
      assert.ok(count >= (seconds - 2) * most * 0.6 - 1, `${count}`);
    }),
  );
});

test('a clock that is a moment behind gives nobody a second more', () => {
  const words = new Int32Array(2);
  const turn = 9 * SECOND;
  for (let i = 0; i < 4; i++) assert.ok(takeRate(words, 0, 10, turn - 1));
  for (let i = 0; i < 3; i++) assert.ok(takeRate(words, 0, 10, turn));
  for (let i = 0; i < 3; i++) assert.ok(takeRate(words, 0, 10, turn - 0.01));
  assert.equal(takeRate(words, 0, 10, turn), false);
  assert.equal(takeRate(words, 0, 10, turn - 0.01), false);
});

test('it is over when what came lies more than a second back', () => {
  const words = new Int32Array(2);
  assert.ok(isRateOver(words, 0, 123 * SECOND));
  takeRate(words, 0, 10, 123 * SECOND + 500);
  assert.equal(isRateOver(words, 0, 123 * SECOND + 600), false);
  assert.equal(isRateOver(words, 0, 124 * SECOND + 999), false);
  assert.ok(isRateOver(words, 0, 125 * SECOND));
});
