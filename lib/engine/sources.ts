// Memory in which all workers count the clients of each source (an address, for one service) and how fast they come.
// The primary and the workers share it, behind the rows of scoreboard.ts; a worker that shares nothing has its own.
//
// Buckets of SLOTS_EACH slots of SLOT_WORDS 32-bit numbers. A source is in one of two buckets, and a slot whose source
// has no client and was not there lately is another one's next. Only JavaScript reads and writes it, by Atomics.

import { partOf, ROWS } from './scoreboard.ts';

export const BUCKETS = 32_768;
export const SLOTS_EACH = 8;
export const SLOTS = BUCKETS * SLOTS_EACH;
export const SLOT_WORDS = 8;

/** In front: who is entering a new source (its row, 0: nobody), then the rate of each service, see rate.ts. */
export const LOCK_AT = 0;
export const RATES_AT = 16;
export const RATE_WORDS = 2;
const FRONT_BYTES = 4096;
/** Services with a higher number have their rate counted by each worker for itself. */
export const RATED_SERVICES = (FRONT_BYTES / 4 - RATES_AT) / RATE_WORDS;
export const SLOTS_AT = FRONT_BYTES / 4;

/** Of a slot: its state; the rate, as of a service; which service, from 1 on (0: nobody's); the address. */
export const STATE = 0;
export const RATE = 1;
export const SERVICE = 3;
export const ADDRESS = 4;

/** Of the state: how many clients; which use of the slot it is, so that nobody mixes up two; being changed. */
export const COUNT_MASK = (1 << 20) - 1;
export const USE_SHIFT = 20;
export const USES = 1 << 10;
export const LOCKED = 1 << 30;

/** Whole pages, as are the parts: how many clients of each slot are a row's. */
export const SOURCES_BYTES = FRONT_BYTES + SLOTS * SLOT_WORDS * 4;
export const SOURCES_PART_BYTES = SLOTS * 4;
/** Behind all parts of scoreboard.ts. */
export const SOURCES_AT = partOf(ROWS).at;

export function sourcesPartOf(row: number): { readonly at: number; readonly bytes: number } {
  return { at: SOURCES_AT + SOURCES_BYTES + (row - 1) * SOURCES_PART_BYTES, bytes: SOURCES_PART_BYTES };
}

export interface SourcesMemory {
  /** 0: it is not shared. */
  readonly row: number;
  readonly all: Int32Array;
  /** Of this row, by slot. */
  readonly own: Int32Array;
}

/** For a worker that shares nothing: room that is not touched takes none. */
export function ownSources(): SourcesMemory {
  return { row: 0, all: new Int32Array(SOURCES_BYTES / 4), own: new Int32Array(SLOTS) };
}
