import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordsAt } from './assignment.ts';

test('no record is written that is below the log level', () => {
  const wanted = ['none', 'failed', 'all'] as const;
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => wanted.map((each) => recordsAt(level, each));
  assert.deepEqual(at('debug'), ['none', 'failed', 'all']);
  assert.deepEqual(at('info'), ['none', 'failed', 'all']);
  assert.deepEqual(at('warn'), ['none', 'failed', 'failed']);
  assert.deepEqual(at('error'), ['none', 'none', 'none']);
});
