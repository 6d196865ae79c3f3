import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { roundOf } from './round.ts';

function round(...weights: number[]): string {
  return roundOf(weights.map((weight, i) => ({ weight, name: 'abcdefgh'[i] })))
    .map(({ name }) => name)
    .join('');
}

test('of equal weights the round is the list', () => {
  assert.equal(round(1, 1, 1), 'abc');
  assert.equal(round(7, 7), 'ab');
  const list = [{ weight: 2 }, { weight: 2 }];
  assert.deepEqual(roundOf(list), list);
});

test('turns are spread, and a round is no longer than it must be', () => {
  assert.equal(round(2, 1), 'aba');
  assert.equal(round(3, 1), 'aaba');
  assert.equal(round(5, 1, 1), 'aaabcaa');
  assert.equal(round(100, 50), 'aba');
});

test('one without weight has no turn, and of nobody there is no round', () => {
  assert.equal(round(0, 1, 0, 1), 'bd');
  assert.equal(round(0, 0), '');
  assert.equal(round(), '');
});

test('whatever the weights: each has its share of the round, and of every part of it one turn more or less', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(32), { minLength: 1, maxLength: 8 }), (weights) => {
      const list = weights.map((weight) => ({ weight }));
      const turns = roundOf(list);
      const total = weights.reduce((a, b) => a + b);
      for (const it of list) {
        let count = 0;
        for (const [i, turn] of turns.entries()) {
          if (turn === it) count++;
          const fair = ((i + 1) * it.weight) / total;
          assert.ok(Math.abs(count - fair) <= 2, `${count} of the first ${i + 1} instead of ${fair}`);
        }
        assert.equal(count * total, turns.length * it.weight);
      }
    }),
  );
});
