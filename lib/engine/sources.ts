// Layout of the memory in which all workers count the clients of each source (an address, per service) and their rate.
// The primary and the workers share it, after the parts of scoreboard.ts. A worker that shares nothing has its own.
//
// Buckets of SLOTS_EACH slots of SLOT_WORDS 32-bit numbers. A source is in one of two buckets. A slot is reused when
// its source has no clients and was not seen lately. Only JavaScript accesses it, with Atomics.

import { pageFrom, partOf, ROWS } from './scoreboard.ts';

export const BUCKETS = 32_768;
export const SLOTS_EACH = 8;
export const SLOTS = BUCKETS * SLOTS_EACH;
export const SLOT_WORDS = 8;

/** At the front: the row that is entering a new source (0: none), then the rate of each service, see rate.ts. */
export const LOCK_AT = 0;
export const RATES_AT = 16;
export const RATE_WORDS = 2;
const FRONT_BYTES = 4096;
/** For services with higher numbers each worker keeps the rate itself. */
export const RATED_SERVICES = (FRONT_BYTES / 4 - RATES_AT) / RATE_WORDS;
export const SLOTS_AT = FRONT_BYTES / 4;

/** Words of a slot: its state; its rate, as for a service; the service, counted from 1 (0: free); the address. */
export const STATE = 0;
export const RATE = 1;
export const SERVICE = 3;
export const ADDRESS = 4;

/** Parts of the state: number of clients; use count of the slot, so that two uses are not confused; lock. */
export const COUNT_MASK = (1 << 20) - 1;
export const USE_SHIFT = 20;
export const USES = 1 << 10;
export const LOCKED = 1 << 30;

export const SOURCES_BYTES = FRONT_BYTES + SLOTS * SLOT_WORDS * 4;
/** The rows' parts hold how many clients of each slot are the row's. */
export const SOURCES_PART_BYTES = SLOTS * 4;
/** After all parts of scoreboard.ts. */
export const SOURCES_AT = partOf(ROWS).at;
const SOURCES_PARTS_AT = pageFrom(SOURCES_AT + SOURCES_BYTES);

export function sourcesPartOf(row: number): { readonly at: number; readonly bytes: number } {
  return { at: SOURCES_PARTS_AT + (row - 1) * pageFrom(SOURCES_PART_BYTES), bytes: SOURCES_PART_BYTES };
}

/**
 * After everything else, for a primary that finds the scoreboard of a dead one: the number of bytes (32 bits), then
 * JSON. Only primaries read and write it, as a file.
 */
export const NOTE_AT = sourcesPartOf(ROWS).at;
export const NOTE_AT_MOST = 4 * 1024 * 1024;

export interface SourcesMemory {
  /** 0: not shared. */
  readonly row: number;
  readonly all: Int32Array;
  /** This row's clients, by slot. */
  readonly own: Int32Array;
}

/** For a worker that shares nothing. Memory that is never touched costs nothing. */
export function ownSources(): SourcesMemory {
  return { row: 0, all: new Int32Array(SOURCES_BYTES / 4), own: new Int32Array(SLOTS) };
}
