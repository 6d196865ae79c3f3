import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capturedIo } from '../../e2e/harness/captured-io.ts';
import { bytes, counted, duration, table } from './report.ts';

test('a table aligns its columns and ends no line with spaces', () => {
  const rows = [
    ['NAME', 'SIZE', 'STATE'],
    ['a', '5', { text: 'up', paint: 'green' as const }],
    ['longer', '1234', ''],
  ];
  assert.deepEqual(table(capturedIo(), 'lrl', rows), ['NAME    SIZE  STATE', 'a          5  up', 'longer  1234']);
});

test('sizes and times have three digits or so, and their unit', () => {
  const sizes: readonly (readonly [number | null, string])[] = [
    [null, '-'],
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [150 * 1024, '150 KiB'],
    [5 * 1024 ** 4, '5 TiB'],
    [2 ** 60, '1024 PiB'],
  ];
  for (const [count, text] of sizes) assert.equal(bytes(count), text);
  const times: readonly (readonly [number, string])[] = [
    [0, '0 ms'],
    [999, '999 ms'],
    [1000, '1 s'],
    [61_500, '1 min 1 s'],
    [3_600_000, '1 h 0 min'],
    [90_061_000, '1 d 1 h'],
  ];
  for (const [ms, text] of times) assert.equal(duration(ms), text);
  assert.deepEqual(
    [counted(1, 'worker'), counted(0, 'worker'), counted(2, 'worker')],
    ['1 worker', '0 workers', '2 workers'],
  );
});
