// Which rows of the scoreboard have a worker, whichever process has forked it.

import { readSync } from 'node:fs';
import { endianness } from 'node:os';

import { ROW_BYTES, ROW_PROCESS_AT, ROWS } from '../../engine/scoreboard.ts';

/** Whether the process that has written itself into the row lives; also true if the row cannot be read. */
export function isInUse(fd: number, row: number): boolean {
  const bytes = Buffer.alloc(ROW_BYTES);
  try {
    if (readSync(fd, bytes, 0, ROW_BYTES, row * ROW_BYTES) !== ROW_BYTES) return true;
    const pid = processIn(bytes, 0);
    if (pid > 0) process.kill(pid, 0);
    return pid > 0;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/** Returns the rows that a process has written itself into; none if they cannot be read. */
export function rowsInUse(fd: number): number[] {
  const bytes = Buffer.alloc(ROWS * ROW_BYTES);
  try {
    readSync(fd, bytes, 0, bytes.length, 0);
  } catch {
    return [];
  }
  return Array.from({ length: ROWS }, (_, row) => row).filter((row) => row > 0 && processIn(bytes, row) > 0);
}

function processIn(bytes: Buffer, row: number): number {
  const at = row * ROW_BYTES + ROW_PROCESS_AT;
  return endianness() === 'LE' ? bytes.readInt32LE(at) : bytes.readInt32BE(at);
}
