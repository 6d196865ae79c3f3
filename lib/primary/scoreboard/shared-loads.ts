// What workers that are gone have left in the memory that all share (lib/engine/scoreboard.ts): it is taken back here, so that nobody
// waits for connections that nobody has. Only workers with the native engine share it.

import { loadAddon } from '../../engine/addon.ts';
import {
  HEADS_AT,
  partOf,
  SHARED_AT,
  SHARED_BYTES,
  SHARED_SERVICES,
  WAITING_AT,
  WAITING_ROWS,
} from '../../engine/scoreboard.ts';

export interface SharedLoads {
  /** A worker is about to get that row; its part is there. False: what it leaves could not be taken back, so it must share nothing. */
  join(row: number): boolean;
  /** It is gone. */
  leave(row: number): void;
}

/** Everything that is counted twice: in a worker's part, and among all. */
const COUNTED = WAITING_AT + SHARED_SERVICES;
const LOOK_MS = 100;
/** One that is counted among all at the moment and not yet in its worker's part is not seen so often in a row. */
const LOOKS = 10;
/** Who died in the middle of a change may have done so on a machine that is too busy to look often. */
const LOOKING_MS = 10_000;

/** What all share, among the parts of the rows. */
const ALL = 0;

/** `fd`: the scoreboard; null: there is none. */
export function createSharedLoads(fd: number | null): SharedLoads {
  /** By row; opened for the first worker that needs it, for an addon may be built while bal runs. */
  const opened = new Map<number, Int32Array>();
  /** By place: how many more there are among all than in the parts together, and in how many looks in a row. */
  let amiss = new Map<number, { readonly surplus: number; readonly looks: number }>();
  let lookUntil = 0;
  let timer: NodeJS.Timeout | null = null;

  function isOpen(row: number, at: number, bytes: number): boolean {
    const part = opened.get(row) ?? open(fd, at, bytes);
    if (part !== null) opened.set(row, part);
    return part !== null;
  }

  function surplusAt(shared: Int32Array, place: number): number {
    let surplus = Atomics.load(shared, place);
    for (const part of opened.values()) if (part !== shared) surplus -= Atomics.load(part, place);
    return surplus;
  }

  /** Whoever was killed between two steps has left one too many, which no part tells of. */
  function look(shared: Int32Array): void {
    const before = amiss;
    amiss = new Map();
    for (let place = 0; place < COUNTED; place++) {
      const surplus = surplusAt(shared, place);
      if (surplus === 0) continue;
      const known = before.get(place);
      const looks = known?.surplus === surplus ? known.looks + 1 : 1;
      if (looks < LOOKS) amiss.set(place, { surplus, looks });
      else Atomics.sub(shared, place, surplus);
    }
    // As long as something is amiss, too: it goes away by itself or by the tenth look.
    if (performance.now() < lookUntil || amiss.size > 0) timer = setTimeout(look, LOOK_MS, shared).unref();
    else timer = null;
  }

  return {
    join(row) {
      const { at, bytes } = partOf(row);
      return isOpen(ALL, SHARED_AT, SHARED_BYTES) && isOpen(row, at, bytes);
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

/** Null where there is no addon, and so nobody who shares. */
function open(fd: number | null, at: number, bytes: number): Int32Array | null {
  const loaded = fd === null ? null : loadAddon();
  if (fd === null || loaded === null || !loaded.ok) return null;
  try {
    return new Int32Array(loaded.addon.mapShared(fd, at, bytes));
  } catch {
    return null;
  }
}
