import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createEvents } from './events.ts';

const event = (n: number) => ({ level: 'info' as const, module: 'test', event: `e${n}`, message: '', fields: {} });

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
  const heard: number[] = [];
  const leave = events.subscribe(({ seq }) => heard.push(seq));
  events.add(event(2));
  leave();
  events.add(event(3));
  assert.deepEqual(heard, [2]);
});
