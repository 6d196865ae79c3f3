import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LAYOUT } from '../engine/scoreboard.ts';
import { readSeat, writeSeat } from './scoreboard.ts';

test('a worker reads the row that the primary gives it, or why there is none', () => {
  const noRow = { row: 0, lack: 'mmap: EINVAL\nat all' };
  for (const seat of [{ row: 7, lack: '' }, noRow]) assert.deepEqual(readSeat(writeSeat(seat)), seat);
});

test('a primary of another version has no row for a worker', () => {
  const other = { row: 0, lack: 'the primary is of another version' };
  for (const text of ['7', '', undefined, `${LAYOUT + 1}:7:`, `${LAYOUT - 1}:7:`])
    assert.deepEqual(readSeat(text), other);
});
