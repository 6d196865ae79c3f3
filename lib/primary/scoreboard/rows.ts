// Which rows of the scoreboard have a worker, whichever process has forked it.

import { readSync } from 'node:fs';
import { endianness } from 'node:os';

import { ROW_BYTES, ROW_PROCESS_AT, ROWS } from '../../engine/scoreboard.ts';
import { lookUp } from '../../process.ts';

/** Whether the process that has written itself into the row lives; also true if the row cannot be read. */
export function isInUse(fd: number, row: number): boolean {
  const bytes = Buffer.alloc(ROW_BYTES);
  try {
    if (readSync(fd, bytes, 0, ROW_BYTES, row * ROW_BYTES) !== ROW_BYTES) return true;
  } catch {
    return true;
  }
  // Orphans can stay zombies in a container whose first process reaps nobody.
  return lookUp(processIn(bytes, 0)).state === 'alive';
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
