import assert from 'node:assert/strict';
import { test } from 'node:test';

import { keysIn, wholeIn } from './keys.ts';

test('an arrow is one key, and the escape key alone is another', () => {
  assert.deepEqual(keysIn('\u001b[A'), ['up']);
  assert.deepEqual(keysIn('\u001bOB'), ['down']);
  assert.deepEqual(keysIn('\u001b'), ['quit']);
});

test('a key that is held comes many at a time', () => {
  assert.deepEqual(keysIn('\u001b[B\u001b[B\u001b[6~ss'), ['down', 'down', 'page_down', 'sort', 'sort']);
});

test('help and the columns have keys', () => {
  assert.deepEqual(keysIn('?\u001b[C\u001bOD'), ['help', 'right', 'left']);
});

test('keys without a meaning have none, also those with an escape sequence', () => {
  assert.deepEqual(keysIn('x\u001b[15~한\u001b[1;5Cq'), ['quit']);
});

test('an escape sequence that is split in two reads is one key, wherever it is split', () => {
  for (const sequence of ['\u001b[A', '\u001bOB', '\u001b[6~']) {
    for (let at = 1; at < sequence.length; at += 1) {
      const { whole, begun } = wholeIn(`s${sequence.slice(0, at)}`);
      assert.deepEqual({ whole, begun }, { whole: 's', begun: sequence.slice(0, at) });
      assert.deepEqual(wholeIn(begun + sequence.slice(at)), { whole: sequence, begun: '' });
    }
  }
});
