import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ratioOf, type Sample, slopes, spread, valueOf } from './statistics.ts';

function sample(proxy: string, round: number, cpu: number | null): Sample {
  const values = cpu === null ? {} : { cpu };
  return { case: 'conn-fin', proxy, round, values, failures: {}, wrongBytes: 0, foreign: 0 };
}

test('spread() of nothing is null', () => {
  assert.equal(spread([]), null);
});

test('the median is the middle one, or half-way between the two in the middle', () => {
  assert.deepEqual(spread([9, 1, 2]), { median: 2, min: 1, max: 9, count: 3 });
  assert.deepEqual(spread([10, 4, 1, 2]), { median: 3, min: 1, max: 10, count: 4 });
});

test('as many values lie above the median as below', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
      const found = spread(values);
      assert.ok(found);
      const above = values.filter((value) => value > found.median).length;
      const below = values.filter((value) => value < found.median).length;
      assert.ok(above <= values.length / 2 && below <= values.length / 2);
      assert.ok(found.min <= found.median && found.median <= found.max);
    }),
  );
});

test('what a step adds is told by each two of the values, and their median by no single one', () => {
  assert.deepEqual(slopes([]), []);
  assert.deepEqual(slopes([7]), []);
  assert.deepEqual(slopes([1, 3, 2]), [2, 0.5, -1]);
  assert.equal(spread(slopes([1, 3, 5, 7, 9]))?.median, 2);
  assert.equal(spread(slopes([1, 3, 5, 100, 9]))?.median, 2);
  assert.equal(spread(slopes([5, 5, 9, 5, 5, 1, 5]))?.median, 0);
});

test('a ratio is taken within a round, not between medians', () => {
  // In the second round the machine was ten times slower for both.
  const samples = [
    sample('haproxy', 1, 10),
    sample('bal-js', 1, 20),
    sample('haproxy', 2, 100),
    sample('bal-js', 2, 200),
  ];
  assert.deepEqual(ratioOf(samples, 'conn-fin', 'bal-js', 'cpu', 'haproxy'), { median: 2, min: 2, max: 2, count: 2 });
});

test('a round that lacks one of the two gives no ratio', () => {
  const samples = [sample('haproxy', 1, 10), sample('bal-js', 2, 20), sample('bal-js', 1, null)];
  assert.equal(ratioOf(samples, 'conn-fin', 'bal-js', 'cpu', 'haproxy'), null);
  assert.equal(valueOf(samples, 'conn-fin', 'bal-js', 'cpu')?.median, 20);
  assert.equal(valueOf(samples, 'rr-64', 'bal-js', 'cpu'), null);
});
