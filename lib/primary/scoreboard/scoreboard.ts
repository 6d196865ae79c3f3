// The owner of the scoreboard on which the workers see how many clients each of them has: makes it, gives each its row, and
// clears the rows of those that are gone and what else they leave there.

import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';

import { partOf, ROW_BYTES, ROWS, SHARED_BYTES } from '../../engine/scoreboard.ts';
import { createSharedLoads } from './shared-loads.ts';
import { createSharedSources } from './shared-sources.ts';

export interface Scoreboard {
  /** To be inherited by the workers. Null: it could not be made, and they do without. */
  readonly fd: number | null;
  /** A row for a worker that is about to be forked; 0: there is none. */
  readonly take: () => number;
  /** Gives the worker that has this row room to count sources together with the others; false: there is none. */
  readonly roomToCount: (row: number) => boolean;
  /** That worker is gone. 0 is nobody's and ignored. */
  readonly free: (row: number) => void;
}

/** `folder` has to be memory: a worker that writes to a page of a slow or full disk would wait, or be killed. */
export function createScoreboard(folder = '/dev/shm'): Scoreboard {
  const fd = make(folder);
  const taken = new Set<number>();
  let end = ROWS * ROW_BYTES + SHARED_BYTES;
  const loads = createSharedLoads(fd);
  const sources = createSharedSources(fd, write);

  /** Returns whether all of it is there. */
  function write(bytes: Uint8Array, at: number): boolean {
    if (fd === null) return false;
    try {
      return writeSync(fd, bytes, 0, bytes.length, at) === bytes.length;
    } catch {
      // Clients are dealt out less evenly then, which is no reason for the primary to end.
      return false;
    }
  }

  /** Zeros instead of a hole, as for the rows; what a worker leaves behind is taken back. */
  function hasPartOf(row: number): boolean {
    const { at, bytes } = partOf(row);
    if (end < at + bytes && !write(new Uint8Array(at + bytes - end), end)) return false;
    end = Math.max(end, at + bytes);
    return true;
  }

  function logEnd(): void {
    const bytes = Buffer.alloc(4);
    const number = taken.size === 0 ? 0 : Math.max(...taken) + 1;
    if (endianness() === 'LE') bytes.writeUInt32LE(number);
    else bytes.writeUInt32BE(number);
    write(bytes, 0);
  }

  return {
    fd,
    roomToCount: (row) => taken.has(row) && sources.join(row),
    take() {
      if (fd === null) return 0;
      // The lowest, so that few are looked at.
      let row = 1;
      while (taken.has(row)) row++;
      if (row >= ROWS) return 0;
      if (!hasPartOf(row) || !loads.join(row)) return 0;
      taken.add(row);
      logEnd();
      return row;
    },
    free(row) {
      if (!taken.delete(row)) return;
      write(new Uint8Array(ROW_BYTES), row * ROW_BYTES);
      loads.leave(row);
      sources.leave(row);
      logEnd();
    },
  };
}

/** A file without a name: it is gone with the last process that has it open. */
function make(folder: string): number | null {
  const path = join(folder, `bal-scoreboard-${randomUUID()}`);
  const size = ROWS * ROW_BYTES + SHARED_BYTES;
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
