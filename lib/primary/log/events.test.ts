import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createEvents } from './events.ts';

const event = (n: number) => ({ level: 'INFO' as const, module: 'test', event: `e${n}`, message: '', fields: {} });

test('only the newest events are kept, in order, with rising numbers', () => {
  const events = createEvents(10);
  for (let n = 1; n <= 57; n++) events.add(event(n));
  const recent = events.recent();
  assert.deepEqual(
    recent.map(({ seq }) => seq),
    [48, 49, 50, 51, 52, 53, 54, 55, 56, 57],
  );
});

test('a subscriber hears every new event until it leaves', () => {
  const events = createEvents(10);
  events.add(event(1));
  const received: number[] = [];
  const leave = events.subscribe(({ seq }) => received.push(seq));
  events.add(event(2));
  leave();
  events.add(event(3));
  assert.deepEqual(received, [2]);
});

test('backends that a start finds up do not drive out the rest; listeners hear of all', () => {
  let now = 0;
  const events = createEvents(1000, () => now);
  let received = 0;
  events.subscribe(() => received++);
  const up = () => events.add({ ...event(1), event: 'backend.up', fields: { from: 'unknown' } });
  for (let i = 0; i < 1000; i++) up();
  assert.deepEqual([events.recent().length, received], [20, 1000]);
  events.add({ ...event(1), event: 'backend.up', fields: { from: 'down' } });
  assert.equal(events.recent().length, 21, 'one that was down is news');
  now = 60_000;
  up();
  assert.equal(events.recent().length, 22, 'so is a single new one, later');
});
