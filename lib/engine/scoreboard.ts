// Memory that the primary and all workers share, in which workers see how many clients each of them has: what a message
// says is too old when a hundred clients come within a millisecond. native/scoreboard.c knows the same layout.
//
// One row of ROW_BYTES for each worker, which begins with how many clients it has and whether it accepts, 32 bits each.
// The first row is nobody's: its first 32 bits say below which number all rows in use are.

import type { SourcesMemory } from './sources.ts';

/** Also of workers that finish what they have after a reload; who gets none takes clients as they come. */
export const ROWS = 512;
export const ROW_BYTES = 64;

/**
 * Behind the rows: how many connections lead where, and who waits. First what holds for all workers together, then a
 * part for each row, of 32-bit numbers. Only JavaScript reads and writes them, by Atomics; a row's part is there once
 * the row is taken.
 */
export const SHARED_AT = ROWS * ROW_BYTES;
/** Endpoints, services and rows with a higher number do without. */
export const SHARED_ENDPOINTS = 4096;
export const SHARED_SERVICES = 64;
export const WAITING_ROWS = 128;
/** For all, and in each row's part: connections by endpoint, then clients of each service that wait. */
export const CONNECTIONS_AT = 0;
export const WAITING_AT = SHARED_ENDPOINTS;
/** For all: the number that the last of them has got; then for each service and row that of its first one, 0: none. */
export const TICKETS_AT = WAITING_AT + SHARED_SERVICES;
export const HEADS_AT = TICKETS_AT + SHARED_SERVICES;
/** Whole pages. */
export const SHARED_BYTES = 13 * 4096;
const PART_BYTES = 5 * 4096;

/** Where the part of a row is. */
export function partOf(row: number): { readonly at: number; readonly bytes: number } {
  return { at: SHARED_AT + SHARED_BYTES + (row - 1) * PART_BYTES, bytes: PART_BYTES };
}

/** What a worker has of all this. */
export interface Board {
  readonly row: number;
  readonly all: Int32Array;
  readonly own: Int32Array;
  /** Where clients are counted by source, see sources.ts; null: this worker is not to. */
  readonly sources?: () => SourcesMemory | null;
  /** Whoever has that row has its policy's `called` called, soon. */
  readonly call: (row: number) => void;
}
