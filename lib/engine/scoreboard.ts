// Layout of the memory that the primary and all workers share. Workers see in it how many clients each of them has,
// because a message is too old when a hundred clients come within a millisecond. native/scoreboard.c has the same
// layout.
//
// Each worker has a row of ROW_BYTES. It begins with its number of clients, whether it accepts and its process, 32 bits
// each. No worker owns the first row: its first 32 bits say below which number all rows in use are.
//
// What is mapped on its own begins on a page, and pages have 4 KiB here, 16 or 64 KiB on some arm64 machines. The gaps
// are never touched and cost nothing.

import type { SourcesMemory } from './sources.ts';

/** Includes workers that are draining after a reload. A worker without a row takes clients as they come. */
export const ROWS = 512;
export const ROW_BYTES = 64;
export const ROW_PROCESS_AT = 8;

/** Bump this with any change to the layout, here or in sources.ts. A worker of another layout shares nothing. */
export const LAYOUT = 4;

/** The largest page of any machine that Linux runs on. */
const PAGE = 65_536;
/** The first position from here on at which every machine can map. */
export function pageFrom(at: number): number {
  return Math.ceil(at / PAGE) * PAGE;
}

/**
 * After the rows: how many connections each endpoint has, and who waits. First a part for all workers together, then
 * one part per row, in 32-bit numbers. Only JavaScript accesses them, with Atomics. A row's part exists once the row is
 * taken.
 */
export const SHARED_AT = pageFrom(ROWS * ROW_BYTES);
/** Endpoints, services and rows with higher numbers are not shared. */
export const SHARED_ENDPOINTS = 4096;
/**
 * Twice as many as a plan may have: the ids are also those of listeners that services share, and an id in use is
 * not given up for a service that a reload adds.
 */
export const SHARED_SERVICES = 128;
export const WAITING_ROWS = 128;
/** In the common part and in each row's: connections by endpoint, then waiting clients by service. */
export const CONNECTIONS_AT = 0;
export const WAITING_AT = SHARED_ENDPOINTS;
/** In the common part: the last ticket given out; then the first ticket of each service and row, 0: none. */
export const TICKETS_AT = WAITING_AT + SHARED_SERVICES;
export const HEADS_AT = TICKETS_AT + SHARED_SERVICES;
export const SHARED_BYTES = 21 * 4096;
const PART_BYTES = 5 * 4096;
const PARTS_AT = pageFrom(SHARED_AT + SHARED_BYTES);

/** The position of a row's part. */
export function partOf(row: number): { readonly at: number; readonly bytes: number } {
  return { at: PARTS_AT + (row - 1) * pageFrom(PART_BYTES), bytes: PART_BYTES };
}

/** A worker's view of the shared memory. */
export interface Board {
  readonly row: number;
  readonly all: Int32Array;
  readonly own: Int32Array;
  /** The memory of sources.ts; null: this worker does not count there. */
  readonly sources?: () => SourcesMemory | null;
  /** Makes the worker with that row call its policy's `called` soon. */
  readonly call: (row: number) => void;
}
