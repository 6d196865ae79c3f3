// Owns the scoreboard, shared memory in which the workers see how many clients each of them has: creates it, assigns rows to
// workers, and clears the rows and counts of dead workers. During an upgrade the workers of both processes use the same one, so
// that limits stay exact: each process has rows of its own then, and clears only those, until the other one has no workers left.

import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';

import { partOf, ROW_BYTES, ROWS, SHARED_AT, SHARED_BYTES } from '../../engine/scoreboard.ts';
import { NOTE_AT } from '../../engine/sources.ts';
import { NAME, noteOf } from './note.ts';
import { isInUse, rowsInUse } from './rows.ts';
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
  /** For another primary, which is to use the scoreboard too: from now on this one takes no row but those it names. */
  readonly share: () => Shared;
  /** Undoes share(): the other primary is gone. */
  readonly keep: () => void;
  /** The primary that shared it has no workers left, or is gone. `over` is called when no worker of another primary is left. */
  readonly alone: (over: () => void) => void;
  /** Counts the connections of other primaries' workers to an endpoint, as far as they share these; null: there are no such workers. */
  readonly others: () => ((endpoint: number) => number) | null;
  /** Leaves a note for a primary that finds the scoreboard after this one has died; see note.ts. */
  readonly note: (note: object) => void;
}

/** What a primary tells another one about a scoreboard that both use. */
export interface Shared {
  /** The rows that are not the other one's. */
  readonly rows: readonly number[];
  /** Those of them whose workers may count client sources. */
  readonly counting: readonly number[];
}

/** Rows to spare for workers that die while another primary uses the scoreboard too. */
const SPARE = 4;
/** A worker that was just forked is in its row by then. */
const RECLAIM_MS = 2000;

/**
 * `folder` must be in memory: a worker that writes to a page of a slow or full disk would block or be killed. `from`: use this one,
 * of the same layout, which another primary shares.
 */
export function createScoreboard(
  folder = '/dev/shm',
  from: (Shared & { readonly fd: number }) | null = null,
): Scoreboard {
  const { fd, lack: noMemory } = from === null ? make(folder) : { fd: from.fd, lack: '' };
  let lack = noMemory;
  const taken = new Set<number>();
  /** The rows of other primaries' workers. */
  const foreign = new Set(from?.rows);
  /** The only rows that may be taken; null: all that are free. */
  let own: ReadonlySet<number> | null = null;
  let end = SHARED_AT + SHARED_BYTES;
  const loads = createSharedLoads(fd, () => own === null);
  const sources = createSharedSources(fd, write, () => own === null);
  let reclaiming: NodeJS.Timeout | null = null;
  let whenAlone = (): void => undefined;
  for (const row of foreign) adopt(row);
  for (const row of from?.counting ?? []) sources.adopt(row);

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

  /** Looks at the part of a foreign row, which exists. */
  function adopt(row: number): void {
    const { at, bytes } = partOf(row);
    end = Math.max(end, at + bytes);
    loads.join(row);
  }

  /** Returns the lowest free row, so that workers scan few rows. */
  function nextFree(): number {
    let row = 1;
    while (row < ROWS && (taken.has(row) || foreign.has(row) || own?.has(row) === false)) row++;
    return row;
  }

  function lackOf(row: number): string {
    if (row >= ROWS) return `there are ${ROWS - 1} workers already`;
    return hasPartOf(row) ? loads.join(row) : `${folder} has no memory left`;
  }

  function logEnd(): void {
    // It is the other primary's, which knows all rows.
    if (own !== null) return;
    const bytes = Buffer.alloc(4);
    const number = taken.size + foreign.size === 0 ? 0 : Math.max(...taken, ...foreign) + 1;
    if (endianness() === 'LE') bytes.writeUInt32LE(number);
    else bytes.writeUInt32BE(number);
    write(bytes, 0);
  }

  function clear(row: number): void {
    write(new Uint8Array(ROW_BYTES), row * ROW_BYTES);
    loads.leave(row);
    sources.leave(row);
  }

  /** Clears foreign rows whose workers are gone, until there is none. */
  function reclaim(): void {
    if (reclaiming !== null) clearTimeout(reclaiming);
    reclaiming = null;
    // Another primary does that meanwhile.
    if (fd === null || own !== null) return;
    for (const row of foreign) {
      if (isInUse(fd, row)) continue;
      clear(row);
      foreign.delete(row);
    }
    logEnd();
    if (foreign.size > 0) reclaimSoon();
    else whenAlone();
  }

  function reclaimSoon(): void {
    reclaiming ??= setTimeout(reclaim, RECLAIM_MS).unref();
  }

  return {
    fd,
    lack: () => lack,
    roomToCount: (row) => taken.has(row) && sources.join(row),
    take() {
      if (fd === null) return 0;
      const row = nextFree();
      lack = lackOf(row);
      if (lack !== '') return 0;
      taken.add(row);
      logEnd();
      return row;
    },
    free(row) {
      if (!taken.delete(row)) return;
      clear(row);
      logEnd();
    },
    share() {
      const spare: number[] = [];
      while (spare.length < SPARE) {
        const row = nextFree();
        if (lackOf(row) !== '') break;
        taken.add(row);
        spare.push(row);
      }
      // The end that workers see is beyond these rows, too.
      logEnd();
      for (const row of spare) taken.delete(row);
      own = new Set([...taken, ...spare]);
      const counts = [...sources.rows].length > 0;
      if (counts) for (const row of own) sources.join(row);
      return { rows: [...own, ...foreign], counting: [...sources.rows] };
    },
    keep() {
      const others = own === null || fd === null ? [] : rowsInUse(fd).filter((row) => own?.has(row) === false);
      const counts = [...sources.rows].length > 0;
      for (const row of others) {
        foreign.add(row);
        adopt(row);
        if (counts) sources.adopt(row);
      }
      own = null;
      reclaimSoon();
    },
    alone(over) {
      whenAlone = over;
      // Else the primary to which this one has shared it clears all rows, some of which only that one knows.
      if (own === null) reclaim();
    },
    others: () => (foreign.size > 0 ? (endpoint) => loads.connections(foreign, endpoint) : null),
    note(note) {
      if (own === null) write(noteOf({ ...note, counting: [...sources.rows] }), NOTE_AT);
    },
  };
}

/** Creates an unlinked file, which goes away with the last process that has it open. */
function make(folder: string): { readonly fd: number | null; readonly lack: string } {
  const path = join(folder, `${NAME}${randomUUID()}`);
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
