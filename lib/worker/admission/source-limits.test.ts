import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtimeWith } from '../../testing/assignments.ts';
import { createSourceLimits } from './source-limits.ts';

const ADDRESSES = [1, 1, 1, 2].map((last) => Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, last]));

function scene(its: Parameters<typeof runtimeWith>[0]) {
  let asked = 0;
  const limits = createSourceLimits(
    [
      { id: 0, runtime: runtimeWith(its) },
      { id: 1, runtime: runtimeWith({}) },
    ],
    () => null,
    (connection) => {
      asked++;
      return ADDRESSES[connection] ?? null;
    },
  );
  return { limits, asked: () => asked };
}

test('a service without limits asks for nobody', () => {
  const { limits, asked } = scene({ maxPerSource: 1 });
  for (let i = 0; i < 4; i++) assert.equal(limits.enter(i, 1, 0), null);
  assert.equal(asked(), 0);
});

test('a source has so many connections, and one that leaves makes room', () => {
  const { limits } = scene({ maxPerSource: 2 });
  assert.deepEqual(
    [0, 1, 2, 3].map((connection) => limits.enter(connection, 0, 0)),
    [null, null, 'too_many_from_source', null],
  );
  limits.leave(2); // it was refused, so it is not counted
  assert.equal(limits.enter(2, 0, 0), 'too_many_from_source');
  limits.leave(0);
  limits.leave(0);
  assert.equal(limits.enter(2, 0, 0), null);
  assert.equal(limits.enter(0, 0, 0), 'too_many_from_source');
});

test('whoever is asked again is counted once', () => {
  const { limits } = scene({ maxPerSource: 1 });
  assert.deepEqual([limits.enter(0, 0, 0), limits.enter(0, 0, 0)], [null, null]);
});

test('rates: of one source, and of all, which leaves nobody counted', () => {
  const { limits } = scene({ maxRatePerSource: 2, maxRate: 3, maxPerSource: 5 });
  assert.deepEqual(
    [0, 1, 2, 3].map((connection) => limits.enter(connection, 0, 0)),
    [null, null, 'too_fast_from_source', null],
  );
  limits.leave(3);
  assert.equal(limits.enter(3, 0, 0), 'too_fast');
});

test('whoever has no address is no source, and counts among all', () => {
  const { limits } = scene({ maxPerSource: 1, maxRate: 3 });
  assert.deepEqual(
    [77, 78, 79].map((connection) => limits.enter(connection, 0, 0)),
    [null, null, null],
  );
  limits.leave(77);
  assert.equal(limits.uncounted, 0);
  assert.equal(limits.enter(80, 0, 0), 'too_fast');
});

test('a connection that goes to another worker is counted all the time, and there however many there are', () => {
  const { limits } = scene({ maxPerSource: 2 });
  assert.deepEqual([limits.enter(0, 0, 0), limits.enter(1, 0, 0)], [null, null]);
  const slot = limits.detach(0);
  assert.notEqual(slot, 0);
  assert.equal(limits.detach(0), 0);
  assert.equal(limits.enter(2, 0, 0), 'too_many_from_source', 'it still counts');
  limits.attach(0, slot);
  const gone = limits.detach(0);
  limits.arrived(2, 0);
  limits.left(gone);
  limits.left(0);
  limits.leave(1);
  assert.equal(limits.enter(0, 0, 0), null);
  assert.equal(limits.enter(1, 0, 0), 'too_many_from_source', 'the one that has come and one more');
  limits.arrived(1, 1); // a service without limits
  limits.leave(1);
});
