import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Buffers } from './buffers.ts';

const SIZE = 64 * 1024;

test('an idle socket costs no buffer: all read into the same one until they fill it', () => {
  const buffers = new Buffers();
  const shared = buffers.choose();
  assert.equal(shared.length, SIZE);
  assert.equal(buffers.next(null, SIZE - 1, false), null);
  assert.equal(buffers.choose(), shared);
});

test('a socket that fills the shared buffer reads into its own until it reads little', () => {
  const buffers = new Buffers();
  const shared = buffers.choose();
  const own = buffers.next(null, SIZE, false);
  assert.ok(own);
  assert.equal(buffers.choose(), own);
  assert.notEqual(own, shared);
  assert.equal(buffers.choose(), shared, 'only for the socket that asks next');
  assert.equal(buffers.next(own, SIZE / 2, false), own);
  assert.equal(buffers.choose(), own);
  assert.equal(buffers.next(own, 100, true), own, 'it is still being written from');
  assert.equal(buffers.next(own, 100, false), null);
  assert.equal(buffers.next(null, SIZE, false), own, 'free for the next stream');
});

test('only so many sockets have a buffer of their own', () => {
  const buffers = new Buffers();
  const own = Array.from({ length: 300 }, () => buffers.next(null, SIZE, false)).filter((buffer) => buffer !== null);
  assert.equal(own.length, 128);
  assert.equal(new Set(own).size, 128);
  for (const buffer of own) buffers.disown(buffer);
  assert.ok(buffers.next(null, SIZE, false));
});

test('what is still to be written keeps its bytes, whatever is read meanwhile', () => {
  const step = fc.record({ count: fc.integer({ min: 1, max: SIZE }), stuck: fc.boolean(), finish: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const buffers = new Buffers();
      const pending: { view: Uint8Array; fill: number; lent: ReturnType<Buffers['lend']> }[] = [];
      for (const [i, { count, stuck, finish }] of steps.entries()) {
        const fill = (i % 255) + 1;
        buffers.choose().fill(fill, 0, count);
        const view = buffers.read(null, count);
        assert.equal(view.length, count);
        assert.ok(view[0] === fill && view[count - 1] === fill);
        if (stuck) pending.push({ view, fill, lent: buffers.lend() });
        else if (pending.length > finish) buffers.giveBack(pending.splice(finish, 1)[0]?.lent ?? buffers.lend());
        for (const { view, fill } of pending) assert.ok(view[0] === fill && view[view.length - 1] === fill);
      }
    }),
    { numRuns: 50 },
  );
});
