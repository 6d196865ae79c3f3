import assert from 'node:assert/strict';
import { closeSync, fstatSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { endianness, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import {
  HEADS_AT,
  partOf,
  ROW_BYTES,
  ROWS,
  SHARED_AT,
  SHARED_BYTES,
  SHARED_SERVICES,
  WAITING_AT,
  WAITING_ROWS,
} from '../../engine/scoreboard.ts';
import { loadAddon } from '../../engine/addon.ts';
import type { Scoreboard } from './scoreboard.ts';
import { createScoreboard } from './scoreboard.ts';
import { MAX_SERVICES } from '../../../config/schema.ts';

/** Without the addon, workers share nothing and get no row. */
const addon = loadAddon();
const skip = addon.ok ? false : addon.reason;

function scoreboardIn(t: TestContext): { scoreboard: Scoreboard; fd: number; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'bal-scoreboard-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const scoreboard = createScoreboard(folder);
  const { fd } = scoreboard;
  assert.ok(fd !== null);
  t.after(() => closeSync(fd));
  return { scoreboard, fd, folder };
}

function number(fd: number, at: number): number {
  const bytes = Buffer.alloc(4);
  readSync(fd, bytes, 0, 4, at);
  return endianness() === 'LE' ? bytes.readUInt32LE() : bytes.readUInt32BE();
}

test('it has room for all rows from the start, and no name', (t) => {
  const { fd, folder } = scoreboardIn(t);
  const { size, blocks } = fstatSync(fd);
  assert.equal(size, SHARED_AT + SHARED_BYTES);
  assert.ok(blocks * 512 >= size, 'no hole in it');
  assert.deepEqual(readdirSync(folder), []);
});

test('the lowest free row is taken, and the first says where those in use end', { skip }, (t) => {
  const { scoreboard, fd } = scoreboardIn(t);
  assert.deepEqual([scoreboard.take(), scoreboard.take(), scoreboard.take()], [1, 2, 3]);
  assert.equal(number(fd, 0), 4);
  scoreboard.free(2);
  assert.equal(number(fd, 0), 4);
  assert.equal(scoreboard.take(), 2);
  scoreboard.free(3);
  assert.equal(number(fd, 0), 3);
});

test('who is gone leaves an empty row behind', { skip }, (t) => {
  const { scoreboard, fd } = scoreboardIn(t);
  const row = scoreboard.take();
  writeSync(fd, Buffer.alloc(ROW_BYTES, 1), 0, ROW_BYTES, row * ROW_BYTES);
  scoreboard.free(row);
  scoreboard.free(row);
  const bytes = Buffer.alloc(ROW_BYTES, 1);
  readSync(fd, bytes, 0, ROW_BYTES, row * ROW_BYTES);
  assert.deepEqual(bytes, Buffer.alloc(ROW_BYTES));
});

test('beyond the last row, and without a scoreboard, there is none', { skip }, (t) => {
  const { scoreboard } = scoreboardIn(t);
  for (let row = 1; row < ROWS; row++) assert.equal(scoreboard.take(), row);
  assert.equal(scoreboard.take(), 0);
  assert.equal(scoreboard.lack(), 'there are 511 workers already');
  scoreboard.free(0);
  assert.equal(scoreboard.take(), 0);
  const none = createScoreboard('/nowhere');
  assert.equal(none.fd, null);
  assert.equal(none.take(), 0);
  assert.match(none.lack(), /^no file can be made in \/nowhere: ENOENT/);
  none.free(0);
});

test('a scoreboard that can no longer be written is not the end of its owner', { skip }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bal-scoreboard-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const scoreboard = createScoreboard(folder);
  const row = scoreboard.take();
  assert.ok(scoreboard.fd !== null);
  closeSync(scoreboard.fd); // as on a full disk, every write fails
  assert.equal(scoreboard.take(), 0, 'a worker without a part of its own does without the scoreboard');
  scoreboard.free(row);
  assert.equal(scoreboard.take(), row);
});

test('all services of a plan and the listeners that they share have room, beside those of the plan before', () => {
  // At least two services share a listener.
  assert.ok(SHARED_SERVICES >= MAX_SERVICES + MAX_SERVICES / 2);
  assert.ok(4 * (HEADS_AT + SHARED_SERVICES * WAITING_ROWS) <= SHARED_BYTES);
  assert.ok(4 * (WAITING_AT + SHARED_SERVICES) <= partOf(1).bytes);
});
