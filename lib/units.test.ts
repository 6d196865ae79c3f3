import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bytes, counted, duration, listed } from './units.ts';

test('bytes() uses the largest unit that leaves one digit before the point', () => {
  assert.deepEqual([null, 0, 1023, 1024, 1536, 102_400, 3 << 20, 2 ** 62].map(bytes), [
    '-',
    '0 B',
    '1023 B',
    '1 KiB',
    '1.5 KiB',
    '100 KiB',
    '3 MiB',
    '4096 PiB',
  ]);
});

test('duration() shows at most two units', () => {
  assert.deepEqual([0, 849.6, 1000, 59_999, 60_000, 3_600_000, 90_000_000].map(duration), [
    '0 ms',
    '850 ms',
    '1 s',
    '59 s',
    '1 min 0 s',
    '1 h 0 min',
    '1 d 1 h',
  ]);
});

test('counted() has a plural', () => {
  assert.deepEqual(
    [counted(0, 'worker'), counted(1, 'worker'), counted(2, 'worker')],
    ['0 workers', '1 worker', '2 workers'],
  );
});

test('listed() has no end of names on one line', () => {
  assert.equal(listed(['a', 'b']), 'a, b');
  assert.equal(listed('abcdefgh'.split('')), 'a, b, c, d, e, f, g, h');
  assert.equal(listed('abcdefghij'.split('')), 'a, b, c, d, e, f, g, h, and 2 more');
});
