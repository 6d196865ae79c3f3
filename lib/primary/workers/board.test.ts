import assert from 'node:assert/strict';
import { closeSync, fstatSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { endianness, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { SEAT_BYTES, SEATS } from '../../engine/board.ts';
import type { Board } from './board.ts';
import { createBoard } from './board.ts';

function boardIn(t: TestContext): { board: Board; fd: number; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'bal-board-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const board = createBoard(folder);
  const { fd } = board;
  assert.ok(fd !== null);
  t.after(() => closeSync(fd));
  return { board, fd, folder };
}

function number(fd: number, at: number): number {
  const bytes = Buffer.alloc(4);
  readSync(fd, bytes, 0, 4, at);
  return endianness() === 'LE' ? bytes.readUInt32LE() : bytes.readUInt32BE();
}

test('it has room for all seats from the start, and no name', (t) => {
  const { fd, folder } = boardIn(t);
  const { size, blocks } = fstatSync(fd);
  assert.equal(size, SEATS * SEAT_BYTES);
  assert.ok(blocks * 512 >= size, 'no hole in it');
  assert.deepEqual(readdirSync(folder), []);
});

test('the lowest free seat is taken, and the first says where those in use end', (t) => {
  const { board, fd } = boardIn(t);
  assert.deepEqual([board.take(), board.take(), board.take()], [1, 2, 3]);
  assert.equal(number(fd, 0), 4);
  board.free(2);
  assert.equal(number(fd, 0), 4);
  assert.equal(board.take(), 2);
  board.free(3);
  assert.equal(number(fd, 0), 3);
});

test('who is gone leaves an empty seat behind', (t) => {
  const { board, fd } = boardIn(t);
  const seat = board.take();
  writeSync(fd, Buffer.alloc(SEAT_BYTES, 1), 0, SEAT_BYTES, seat * SEAT_BYTES);
  board.free(seat);
  board.free(seat);
  const bytes = Buffer.alloc(SEAT_BYTES, 1);
  readSync(fd, bytes, 0, SEAT_BYTES, seat * SEAT_BYTES);
  assert.deepEqual(bytes, Buffer.alloc(SEAT_BYTES));
});

test('beyond the last seat, and without a board, there is none', (t) => {
  const { board } = boardIn(t);
  for (let seat = 1; seat < SEATS; seat++) assert.equal(board.take(), seat);
  assert.equal(board.take(), 0);
  board.free(0);
  assert.equal(board.take(), 0);
  const none = createBoard('/nowhere');
  assert.equal(none.fd, null);
  assert.equal(none.take(), 0);
  none.free(0);
});

test('a board that can no longer be written is not the end of its owner', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bal-board-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const board = createBoard(folder);
  const seat = board.take();
  assert.ok(board.fd !== null);
  closeSync(board.fd); // as on a full disk, every write fails
  assert.equal(board.take(), seat + 1);
  board.free(seat);
  assert.equal(board.take(), seat);
});
