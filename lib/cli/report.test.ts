import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capturedIo } from '../../e2e/harness/captured-io.ts';
import { table } from './report.ts';

test('a table aligns its columns and ends no line with spaces', () => {
  const rows = [
    ['NAME', 'SIZE', 'STATE'],
    ['a', '5', { text: 'up', paint: 'green' as const }],
    ['longer', '1234', ''],
  ];
  assert.deepEqual(table(capturedIo(), 'lrl', rows), ['NAME    SIZE  STATE', 'a          5  up', 'longer  1234']);
});
