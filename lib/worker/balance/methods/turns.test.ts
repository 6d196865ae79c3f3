import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Turns } from './turns.ts';
import { createTurns } from './turns.ts';

function turnsOf(...weights: number[]): Turns {
  const turns = createTurns();
  arrange(turns, weights);
  return turns;
}

function arrange(turns: Turns, weights: readonly number[]): void {
  turns.arrange(
    weights.map((weight, id) => ({ id, weight })),
    (place) => (weights[place] ?? 0) > 0,
  );
}

function taken(turns: Turns, times: number): number[] {
  return Array.from({ length: times }, () => {
    const place = turns.first();
    turns.pass(place);
    return place;
  });
}

/** The first `times` turns. */
function round(times: number, ...weights: number[]): string {
  return taken(turnsOf(...weights), times)
    .map((place) => 'abcdefgh'[place] ?? '-')
    .join('');
}

test('of equal weights the round is the list', () => {
  assert.equal(round(6, 1, 1, 1), 'abcabc');
  assert.equal(round(4, 7, 7), 'abab');
  assert.equal(round(4, 0.1, 0.1), 'abab');
});

test('turns are spread', () => {
  assert.equal(round(6, 2, 1), 'abaaba');
  assert.equal(round(8, 3, 1), 'aabaaaba');
  assert.equal(round(14, 5, 1, 1), 'aaabcaaaaabcaa');
  assert.equal(round(6, 100, 50), 'abaaba');
});

test('one without weight has no turn, and of nobody there is none', () => {
  assert.equal(round(4, 0, 1, 0, 1), 'bdbd');
  assert.equal(turnsOf(0, 0).first(), -1);
  assert.equal(turnsOf().first(), -1);
});

test('whatever the weights: each has its share of the round, and of every part of it one turn more or less', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(32), { minLength: 1, maxLength: 8 }), (weights) => {
      const total = weights.reduce((a, b) => a + b);
      const turns = taken(turnsOf(...weights), total);
      for (const [it, weight] of weights.entries()) {
        let count = 0;
        for (const [i, turn] of turns.entries()) {
          if (turn === it) count++;
          const fair = ((i + 1) * weight) / total;
          assert.ok(Math.abs(count - fair) <= 2, `${count} of the first ${i + 1} instead of ${fair}`);
        }
        assert.equal(count, weight);
      }
    }),
  );
});

test('turns that are skipped are those that would have been taken', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 32 }), { minLength: 1, maxLength: 8 }),
      fc.nat(200),
      (weights, n) => {
        const skipped = turnsOf(...weights);
        skipped.skip(n);
        assert.deepEqual(taken(skipped, 40), taken(turnsOf(...weights), n + 40).slice(n));
      },
    ),
  );
});

test('who leaves the line takes no turn of the others, and who comes waits for its place in the list', () => {
  const turns = turnsOf(1, 1, 1, 1);
  assert.deepEqual(taken(turns, 2), [0, 1]);
  arrange(turns, [1, 0, 0, 1]);
  assert.deepEqual(taken(turns, 3), [3, 0, 3]);
  arrange(turns, [1, 1, 1, 1]);
  assert.deepEqual(taken(turns, 6), [0, 1, 2, 3, 0, 1]);
});

test('a weight that changes counts from now on: nobody catches up on what it did not have', () => {
  const turns = turnsOf(1, 0.1);
  taken(turns, 1000);
  arrange(turns, [1, 1]);
  const counts = [0, 0];
  for (const place of taken(turns, 100)) counts[place] = (counts[place] ?? 0) + 1;
  assert.ok(Math.abs((counts[0] ?? 0) - 50) <= 1, String(counts));
});
