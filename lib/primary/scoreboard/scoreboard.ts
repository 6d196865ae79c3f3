// Owns the scoreboard, shared memory in which the workers see how many clients each of them has: creates it, assigns rows to
// workers, and clears the rows and counts of dead workers.

import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';

import { partOf, ROW_BYTES, ROWS, SHARED_AT, SHARED_BYTES } from '../../engine/scoreboard.ts';
import { createSharedLoads } from './shared-loads.ts';
import { createSharedSources } from './shared-sources.ts';

export interface Scoreboard {
  /** For the workers to inherit. Null if it could not be created; the workers do without it then. */
  readonly fd: number | null;
  /** Takes a row for a worker about to be forked; 0 if there is none, and `lack()` says why. */
  readonly take: () => number;
  readonly lack: () => string;
  /** Gives the worker of this row memory to count client sources in together with the others; false if there is none. */
  readonly roomToCount: (row: number) => boolean;
  /** Frees the row of a dead worker. Ignores 0, which is nobody's. */
  readonly free: (row: number) => void;
}

/** `folder` must be in memory: a worker that writes to a page of a slow or full disk would block or be killed. */
export function createScoreboard(folder = '/dev/shm'): Scoreboard {
  const { fd, lack: noMemory } = make(folder);
  let lack = noMemory;
  const taken = new Set<number>();
  let end = SHARED_AT + SHARED_BYTES;
  const loads = createSharedLoads(fd);
  const sources = createSharedSources(fd, write);

  /** Returns whether all bytes were written. */
  function write(bytes: Uint8Array, at: number): boolean {
    if (fd === null) return false;
    try {
      return writeSync(fd, bytes, 0, bytes.length, at) === bytes.length;
    } catch {
      // Clients are then spread less evenly, but the primary goes on.
      return false;
    }
  }

  /** Allocates the row's part. Writes zeros instead of leaving a hole, as for the rows; parts of dead workers are reused. */
  function hasPartOf(row: number): boolean {
    const { at, bytes } = partOf(row);
    if (end < at + bytes && !write(new Uint8Array(bytes), at)) return false;
    end = Math.max(end, at + bytes);
    return true;
  }

  function lackOf(row: number): string {
    if (row >= ROWS) return `there are ${ROWS - 1} workers already`;
    return hasPartOf(row) ? loads.join(row) : `${folder} has no memory left`;
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
    lack: () => lack,
    roomToCount: (row) => taken.has(row) && sources.join(row),
    take() {
      if (fd === null) return 0;
      // The lowest free row, so that workers scan few rows.
      let row = 1;
      while (taken.has(row)) row++;
      lack = lackOf(row);
      if (lack !== '') return 0;
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

/** Creates an unlinked file, which goes away with the last process that has it open. */
function make(folder: string): { readonly fd: number | null; readonly lack: string } {
  const path = join(folder, `bal-scoreboard-${randomUUID()}`);
  const size = SHARED_AT + SHARED_BYTES;
  let fd: number | null = null;
  try {
    fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    // Zeros instead of a hole: touching memory that cannot be allocated would kill a worker (SIGBUS).
    if (writeSync(fd, new Uint8Array(size)) === size) return { fd, lack: '' };
  } catch (error) {
    if (fd === null)
      return {
        fd,
        lack: `no file can be made in ${folder}: ${error instanceof Error ? error.message : String(error)}`,
      };
  }
  // The workers do without a scoreboard.
  closeSync(fd);
  return { fd: null, lack: `${folder} has no memory left` };
}
