import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partOf, ROW_BYTES, ROWS, SHARED_AT, SHARED_BYTES } from './scoreboard.ts';
import { SOURCES_AT, SOURCES_BYTES, sourcesPartOf } from './sources.ts';

test('each part begins where every machine can map it, with pages of up to 64 KiB, and none overlap', () => {
  const rows = Array.from({ length: ROWS - 1 }, (_, i) => i + 1);
  const parts = [
    { at: 0, bytes: ROWS * ROW_BYTES },
    { at: SHARED_AT, bytes: SHARED_BYTES },
    ...rows.map(partOf),
    { at: SOURCES_AT, bytes: SOURCES_BYTES },
    ...rows.map(sourcesPartOf),
  ];
  let end = 0;
  for (const { at, bytes } of parts) {
    assert.equal(at % 65_536, 0);
    assert.ok(at >= end);
    end = at + bytes;
  }
  assert.ok(end < 2 ** 31, 'what mapShared takes');
});
