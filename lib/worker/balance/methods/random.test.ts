import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpoint } from '../../../testing/assignments.ts';
import { random as seeded } from '../../../testing/engine/random.ts';
import type { Ask, Candidate } from './picker.ts';
import { createRandom } from './random.ts';

const RANGE = 2 ** 32;

function pickerOf(list: readonly Candidate[], seed = 7) {
  const random = seeded(seed);
  const picker = createRandom(() => random(RANGE) / RANGE);
  picker.use(list, 0);
  return picker;
}

function askWith(loads: readonly number[], its: Partial<Ask> = {}): Ask {
  return {
    connection: 0,
    tried: null,
    now: 0,
    loads: { of: (id) => loads[id] ?? 0, all: new Int32Array() },
    evidence: { skipUntil: [] },
    clientAddress: () => '',
    ...its,
  };
}

function weighing(...weights: number[]): Candidate[] {
  return weights.map((weight, id) => ({ ...endpoint(id), weight }));
}

test('where nobody stays each has its weight of 10,000 clients, within 1 %', () => {
  for (const weights of [[1, 1], [3, 1], [5, 1, 4, 10], Array.from({ length: 50 }, (_, i) => 1 + (i % 4))]) {
    const picker = pickerOf(weighing(...weights));
    const counts = weights.map(() => 0);
    for (let i = 0; i < 10_000; i++) {
      const place = picker.pick(askWith([]));
      counts[place] = (counts[place] ?? 0) + 1;
    }
    const sum = weights.reduce((a, b) => a + b);
    for (const [place, weight] of weights.entries())
      assert.ok(
        Math.abs((counts[place] ?? 0) / 10_000 - weight / sum) <= 0.01,
        `${String(weights)}: ${String(counts)}`,
      );
  }
});

test('where all stay each has about as many as its weight says', () => {
  const list = weighing(...Array.from({ length: 100 }, (_, i) => (i < 50 ? 1 : 2)));
  const picker = pickerOf(list);
  const loads = list.map(() => 0);
  for (let i = 0; i < 15_000; i++) {
    const place = picker.pick(askWith(loads));
    loads[place] = (loads[place] ?? 0) + 1;
  }
  for (const [place, load] of loads.entries()) {
    const fair = 100 * (list[place]?.weight ?? 0);
    assert.ok(Math.abs(load - fair) <= 0.15 * fair, `${load} instead of ${fair}`);
  }
});

test('of two the one with fewer connections for its weight is chosen', () => {
  const list = weighing(1, 2);
  const times = (loads: number[], wanted: number): number => {
    const picker = pickerOf(list);
    return Array.from({ length: 1000 }, () => picker.pick(askWith(loads))).filter((place) => place === wanted).length;
  };
  // Occasionally all draws hit the heavy one.
  assert.ok(times([3, 5], 1) > 980);
  assert.ok(times([2, 5], 0) > 800);
});

test('one that is full, has failed this client or this worker, or is not first in line is not drawn', () => {
  const [a, b] = weighing(1, 1);
  assert.ok(a !== undefined && b !== undefined);
  for (let seed = 1; seed < 50; seed++) {
    assert.equal(pickerOf([{ ...a, maxConnections: 2 }, b], seed).pick(askWith([2, 9])), 1);
    assert.equal(pickerOf([a, b], seed).pick(askWith([], { tried: new Set([0]) })), 1);
    assert.equal(pickerOf([a, b], seed).pick(askWith([], { evidence: { skipUntil: [5] } })), 1);
    assert.equal(pickerOf([{ ...a, tier: 4 }, b], seed).pick(askWith([])), 1);
    assert.equal(pickerOf([{ ...a, weight: 0 }, b], seed).pick(askWith([])), 1);
  }
  assert.equal(pickerOf([]).pick(askWith([])), -1);
});

test('the search finds one by weight', () => {
  const list = weighing(3, 1);
  const picker = pickerOf(list);
  const counts = [0, 0];
  for (let i = 0; i < 10_000; i++) {
    const place = picker.rank(0, askWith([])) < picker.rank(1, askWith([])) ? 0 : 1;
    counts[place] = (counts[place] ?? 0) + 1;
  }
  assert.ok(Math.abs((counts[0] ?? 0) / 10_000 - 0.75) <= 0.02, String(counts));
});
