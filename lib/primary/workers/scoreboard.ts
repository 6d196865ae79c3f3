// The owner of the scoreboard on which the workers see how many clients each of them has: makes it, gives each its row, and
// clears the rows of those that are gone.

import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';

import { ROW_BYTES, ROWS } from '../../engine/scoreboard.ts';

export interface Scoreboard {
  /** To be inherited by the workers. Null: it could not be made, and they do without. */
  readonly fd: number | null;
  /** A row for a worker that is about to be forked; 0: there is none. */
  readonly take: () => number;
  /** That worker is gone. 0 is nobody's and ignored. */
  readonly free: (row: number) => void;
}

/** `folder` has to be memory: a worker that writes to a page of a slow or full disk would wait, or be killed. */
export function createScoreboard(folder = '/dev/shm'): Scoreboard {
  const fd = make(folder);
  const taken = new Set<number>();

  function write(bytes: Uint8Array, at: number): void {
    if (fd === null) return;
    try {
      writeSync(fd, bytes, 0, bytes.length, at);
    } catch {
      // Clients are dealt out less evenly then, which is no reason for the primary to end.
    }
  }

  function logEnd(): void {
    const end = Buffer.alloc(4);
    const number = taken.size === 0 ? 0 : Math.max(...taken) + 1;
    if (endianness() === 'LE') end.writeUInt32LE(number);
    else end.writeUInt32BE(number);
    write(end, 0);
  }

  return {
    fd,
    take() {
      if (fd === null) return 0;
      // The lowest, so that few are looked at.
      let row = 1;
      while (taken.has(row)) row++;
      if (row >= ROWS) return 0;
      taken.add(row);
      logEnd();
      return row;
    },
    free(row) {
      if (!taken.delete(row)) return;
      write(new Uint8Array(ROW_BYTES), row * ROW_BYTES);
      logEnd();
    },
  };
}

/** A file without a name: it is gone with the last process that has it open. */
function make(folder: string): number | null {
  const path = join(folder, `bal-scoreboard-${randomUUID()}`);
  const size = ROWS * ROW_BYTES;
  let fd: number | null = null;
  try {
    fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    // Zeros instead of a hole: a worker that touched memory for which there is no room would be killed.
    if (writeSync(fd, new Uint8Array(size)) === size) return fd;
  } catch {
    // The next folder may have room.
  }
  if (fd !== null) closeSync(fd);
  return null;
}
