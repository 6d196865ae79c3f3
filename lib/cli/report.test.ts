import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capturedIo } from '../testing/captured-io.ts';
import { printableLine, table, printDiagnosis } from './report.ts';

test('a table aligns its columns and ends no line with spaces', () => {
  const rows = [
    ['NAME', 'SIZE', 'STATE'],
    ['a', '5', { text: 'up', paint: 'green' as const }],
    ['longer', '1234', ''],
  ];
  assert.deepEqual(table(capturedIo(), 'lrl', rows), ['NAME    SIZE  STATE', 'a          5  up', 'longer  1234']);
});

test('each of the three lines is one line, whatever is in a path or a message', () => {
  const io = capturedIo();
  printDiagnosis(io, { what_happened: 'two\nlines', why_likely: 'a \u001b[2J', do_this_now: '홈 100%' });
  assert.deepEqual(io.stderr, ['  what_happened: two\\nlines', '  why_likely: a \\x1b[2J', '  do_this_now: 홈 100%']);
});

test('a line keeps its colours, and shows the control characters in its texts', () => {
  assert.equal(
    printableLine('\u001b[31mdown\u001b[0m /etc/\u001b]0;x\u0007\n'),
    '\u001b[31mdown\u001b[0m /etc/\\u001b]0;x\\u0007\\u000a',
  );
});
