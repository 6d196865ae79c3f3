import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, readdirSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { endianness, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import {
  HEADS_AT,
  partOf,
  ROW_BYTES,
  ROW_PROCESS_AT,
  ROWS,
  SHARED_AT,
  SHARED_BYTES,
  SHARED_SERVICES,
  WAITING_AT,
  WAITING_ROWS,
} from '../../engine/scoreboard.ts';
import { loadAddon } from '../../engine/addon.ts';
import { until } from '../../testing/until.ts';
import { isInUse } from './rows.ts';
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

/** As a worker does that starts in that row. */
function begins(fd: number, row: number, pid: number): void {
  const bytes = Buffer.alloc(4);
  if (endianness() === 'LE') bytes.writeInt32LE(pid);
  else bytes.writeInt32BE(pid);
  writeSync(fd, bytes, 0, 4, row * ROW_BYTES + ROW_PROCESS_AT);
}

function countOf(board: Int32Array): number {
  return Atomics.load(board, 0);
}

test('two primaries that share it have rows of their own, and clear those of the dead', { skip }, async (t) => {
  const { scoreboard: before, fd } = scoreboardIn(t);
  assert.ok(addon.ok);
  const all = new Int32Array(addon.addon.mapShared(fd, SHARED_AT, SHARED_BYTES));
  const partIn = (row: number): Int32Array =>
    new Int32Array(addon.ok ? addon.addon.mapShared(fd, partOf(row).at, partOf(row).bytes) : []);
  assert.deepEqual([before.take(), before.take()], [1, 2]);
  const shared = before.share();
  assert.deepEqual(shared, { rows: [1, 2, 3, 4, 5, 6], counting: [] });
  const after = createScoreboard('/nowhere', { ...shared, fd });
  assert.deepEqual([after.take(), after.take()], [7, 8]);
  assert.equal(number(fd, 0), 9);
  before.free(2);
  assert.equal(number(fd, 0), 9, 'only one of the two knows all rows');
  assert.deepEqual([before.take(), before.take()], [2, 3], 'a worker that dies meanwhile gets a successor');
  // A worker of the first counts; its primary is gone before it.
  begins(fd, 3, process.pid);
  Atomics.add(all, 0, 1);
  Atomics.add(partIn(3), 0, 1);
  let isOver = false;
  after.alone(() => (isOver = true));
  assert.equal(after.take(), 1, 'the rows without a worker are free at once');
  assert.equal(countOf(all), 1);
  assert.equal(isOver, false, 'a worker of the first lives');
  begins(fd, 3, 0x7ffffff0);
  await until('the dead one is cleared', () => countOf(all) === 0);
  assert.equal(isOver, true);
  assert.deepEqual([after.take(), after.take()], [2, 3]);
});

test(
  'who takes a scoreboard back leaves rows alone in which workers of the other primary live',
  { skip },
  async (t) => {
    const { scoreboard, fd } = scoreboardIn(t);
    assert.equal(scoreboard.take(), 1);
    const other = createScoreboard('/nowhere', { ...scoreboard.share(), fd });
    assert.equal(other.take(), 6);
    begins(fd, 6, process.pid);
    scoreboard.keep();
    assert.deepEqual(
      Array.from({ length: 5 }, () => scoreboard.take()),
      [2, 3, 4, 5, 7],
    );
    begins(fd, 6, 0x7ffffff0);
    await until('it is cleared', () => number(fd, 6 * ROW_BYTES + ROW_PROCESS_AT) === 0);
    assert.equal(scoreboard.take(), 6);
  },
);

test(
  'who has shared it with the next primary takes and clears nothing when the one before has ended',
  { skip },
  (t) => {
    const { scoreboard: first, fd } = scoreboardIn(t);
    assert.equal(first.take(), 1);
    const second = createScoreboard('/nowhere', { ...first.share(), fd });
    assert.equal(second.take(), 6);
    const third = createScoreboard('/nowhere', { ...second.share(), fd });
    second.alone(() => assert.fail('the third clears what is left'));
    assert.equal(third.take(), 11);
    assert.deepEqual(
      Array.from({ length: 5 }, () => second.take()),
      [7, 8, 9, 10, 0],
    );
  },
);

test('a worker that nobody reaps is gone', { skip }, async (t) => {
  const { scoreboard, fd } = scoreboardIn(t);
  const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  const row = scoreboard.take();
  begins(fd, row, pid);
  await until('it has ended', () => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  assert.equal(isInUse(fd, row), false);
  begins(fd, row, process.pid);
  assert.equal(isInUse(fd, row), true);
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
