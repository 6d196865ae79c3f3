import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exhaustion } from '../../engine/engine.ts';
import type { LogLine } from '../../ipc/messages.ts';
import { watchShortages } from './shortages.ts';

test('a shortage is told at once, those that follow together ten seconds later, and nothing when nothing is short', (t) => {
  let counts: Exhaustion = {};
  const lines: LogLine[] = [];
  const watch = watchShortages(() => counts, { log: (line) => void lines.push(line) });
  t.after(() => watch.close());
  const reported = (): unknown[] => lines.splice(0).map(({ fields }) => [fields['since'], fields['total']]);
  watch.look(0);
  assert.deepEqual(reported(), []);
  counts = { 'accept EMFILE': 2 };
  watch.look(500);
  assert.deepEqual(reported(), [[{ 'accept EMFILE': 2 }, { 'accept EMFILE': 2 }]]);
  counts = { 'accept EMFILE': 2, descriptors: 7 };
  watch.look(1000);
  watch.look(10_499);
  assert.deepEqual(reported(), []);
  watch.look(10_500);
  assert.deepEqual(reported(), [[{ descriptors: 7 }, { 'accept EMFILE': 2, descriptors: 7 }]]);
  watch.look(30_000);
  assert.deepEqual(reported(), []);
});
