// Takes back what dead workers left in the shared counts (lib/engine/scoreboard.ts), so that nobody waits for connections that no
// longer exist. Only workers with the native engine share these counts.

import { loadAddon } from '../../engine/addon.ts';
import {
  CONNECTIONS_AT,
  HEADS_AT,
  partOf,
  SHARED_AT,
  SHARED_BYTES,
  SHARED_ENDPOINTS,
  SHARED_SERVICES,
  WAITING_AT,
  WAITING_ROWS,
} from '../../engine/scoreboard.ts';

export interface SharedLoads {
  /**
   * Prepares for a worker that is about to get that row, whose part exists. Returns '', or why its counts could not be taken back;
   * it must share nothing then.
   */
  join(row: number): string;
  /** The connections to an endpoint that the workers of these rows count together. */
  connections(rows: Iterable<number>, endpoint: number): number;
  /** The worker of that row is gone. */
  leave(row: number): void;
}

/** Everything that is counted twice: in a worker's part and in the sum of all. */
const COUNTED = WAITING_AT + SHARED_SERVICES;
const LOOK_MS = 100;
/** A count that is already in the sum but not yet in the worker's part does not look the same this often in a row. */
const LOOKS = 10;
/** A worker may have died in the middle of a change, and the machine may be too busy to look often. */
const LOOKING_MS = 10_000;

/** The sum of all, kept among the parts of the rows. */
const ALL = 0;

/**
 * `fd` is the scoreboard; null if there is none. `knowsAll`: no other primary has rows that were not joined here. Nothing is
 * corrected meanwhile.
 */
export function createSharedLoads(fd: number | null, knowsAll = () => true): SharedLoads {
  /** By row. Opened for the first worker that needs it, because the addon may be built while bal runs. */
  const opened = new Map<number, Int32Array>();
  /** By place: the surplus of the sum over all parts together, and for how many looks in a row. */
  let amiss = new Map<number, { readonly surplus: number; readonly looks: number }>();
  let lookUntil = 0;
  let timer: NodeJS.Timeout | null = null;

  function openPart(row: number, at: number, bytes: number): string {
    if (opened.has(row)) return '';
    const part = open(fd, at, bytes);
    if (typeof part === 'string') return part;
    opened.set(row, part);
    return '';
  }

  function surplusAt(shared: Int32Array, place: number): number {
    let surplus = Atomics.load(shared, place);
    for (const part of opened.values()) if (part !== shared) surplus -= Atomics.load(part, place);
    return surplus;
  }

  /** Corrects the surplus left by a worker that was killed between its two steps: no part accounts for it. */
  function look(shared: Int32Array): void {
    const before = amiss;
    amiss = new Map();
    timer = null;
    if (!knowsAll()) return;
    for (let place = 0; place < COUNTED; place++) {
      const surplus = surplusAt(shared, place);
      if (surplus === 0) continue;
      const known = before.get(place);
      const looks = known?.surplus === surplus ? known.looks + 1 : 1;
      if (looks < LOOKS) amiss.set(place, { surplus, looks });
      else Atomics.sub(shared, place, surplus);
    }
    // Also go on while a surplus exists: it goes away by itself or is corrected by the tenth look.
    if (performance.now() < lookUntil || amiss.size > 0) timer = setTimeout(look, LOOK_MS, shared).unref();
  }

  return {
    join(row) {
      const { at, bytes } = partOf(row);
      return openPart(ALL, SHARED_AT, SHARED_BYTES) || openPart(row, at, bytes);
    },
    connections(rows, endpoint) {
      if (endpoint >= SHARED_ENDPOINTS) return 0;
      let sum = 0;
      for (const row of rows) {
        const part = opened.get(row);
        if (part !== undefined) sum += Atomics.load(part, CONNECTIONS_AT + endpoint);
      }
      return sum;
    },
    leave(row) {
      const all = opened.get(ALL);
      const part = opened.get(row);
      if (all === undefined || part === undefined) return;
      for (let place = 0; place < COUNTED; place++) {
        const left = Atomics.exchange(part, place, 0);
        if (left !== 0) Atomics.sub(all, place, left);
      }
      for (let service = 0; service < SHARED_SERVICES && row < WAITING_ROWS; service++) {
        Atomics.store(all, HEADS_AT + service * WAITING_ROWS + row, 0);
      }
      lookUntil = performance.now() + LOOKING_MS;
      timer ??= setTimeout(look, LOOK_MS, all).unref();
    },
  };
}

/** A text says why not. Without an addon no worker shares either. */
function open(fd: number | null, at: number, bytes: number): Int32Array | string {
  if (fd === null) return 'there is no scoreboard';
  const loaded = loadAddon();
  if (!loaded.ok) return `the primary does without the addon: ${loaded.reason}`;
  try {
    return new Int32Array(loaded.addon.mapShared(fd, at, bytes));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
