// Takes back what dead workers counted of their clients' sources (lib/engine/sources.ts), so that nobody is refused because of
// connections that no longer exist.

import { loadAddon } from '../../engine/addon.ts';
import {
  COUNT_MASK,
  LOCK_AT,
  LOCKED,
  SLOT_WORDS,
  SLOTS,
  SLOTS_AT,
  SOURCES_AT,
  SOURCES_BYTES,
  sourcesPartOf,
} from '../../engine/sources.ts';

export interface SharedSources {
  /**
   * Prepares for a worker that is about to get that row. Returns whether its part and the shared table exist, so that it may
   * count there.
   */
  join(row: number): boolean;
  /** The same for a row that another primary has prepared. */
  adopt(row: number): boolean;
  /** The worker of that row is gone. */
  leave(row: number): void;
  /** The rows that may count. */
  readonly rows: Iterable<number>;
}

/** A client that is counted in the table but not yet in its worker's part does not stay so this long. */
const LOOK_AGAIN_MS = 2000;
/** How often to look after the last death: while clients come, some are always halfway through being counted. */
const LOOKS = 5;

/**
 * `fd` is the scoreboard. `write` puts zeros there to allocate the memory, and returns false if there is none. `knowsAll`: as in
 * shared-loads.ts.
 */
export function createSharedSources(
  fd: number | null,
  write: (bytes: Uint8Array, at: number) => boolean,
  knowsAll = () => true,
): SharedSources {
  let all: Int32Array | null = null;
  /** By row. */
  const parts = new Map<number, Int32Array>();
  let timer: NodeJS.Timeout | null = null;
  let looks = 0;

  function open(at: number, bytes: number, isThere = false): Int32Array | null {
    const loaded = fd === null ? null : loadAddon();
    if (fd === null || loaded === null || !loaded.ok) return null;
    if (!isThere && !write(new Uint8Array(bytes), at)) return null;
    try {
      return new Int32Array(loaded.addon.mapShared(fd, at, bytes));
    } catch {
      return null;
    }
  }

  /** The states, by slot, of the slots that are locked or count more clients than the parts account for. */
  function amiss(shared: Int32Array): Map<number, { readonly state: number; readonly surplus: number }> {
    const found = new Map<number, { readonly state: number; readonly surplus: number }>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const state = Atomics.load(shared, SLOTS_AT + slot * SLOT_WORDS);
      if (state === 0) continue;
      let surplus = state & COUNT_MASK;
      for (const part of parts.values()) surplus -= part[slot] ?? 0;
      if (surplus > 0 || (state & LOCKED) !== 0) found.set(slot, { state, surplus });
    }
    return found;
  }

  /** Corrects the surplus or the locked slot left by a worker that was killed between two steps. */
  function look(shared: Int32Array, before: ReturnType<typeof amiss>): void {
    timer = null;
    if (!knowsAll()) return;
    const now = amiss(shared);
    for (const [slot, { state, surplus }] of now) {
      const first = before.get(slot);
      if (first?.state !== state || first.surplus !== surplus) continue;
      const right = (state & ~LOCKED) - Math.max(0, surplus);
      Atomics.compareExchange(shared, SLOTS_AT + slot * SLOT_WORDS, state, right);
    }
    const isOver = now.size === 0 || --looks <= 0;
    if (!isOver) timer = setTimeout(look, LOOK_AGAIN_MS, shared, now).unref();
  }

  function prepare(row: number, isThere: boolean): boolean {
    all ??= open(SOURCES_AT, SOURCES_BYTES, isThere);
    if (all === null) return false;
    const { at, bytes } = sourcesPartOf(row);
    const part = parts.get(row) ?? open(at, bytes, isThere);
    if (part !== null) parts.set(row, part);
    return part !== null;
  }

  return {
    join: (row) => prepare(row, false),
    adopt: (row) => prepare(row, true),
    leave(row) {
      const part = parts.get(row);
      if (all === null || part === undefined) return;
      Atomics.compareExchange(all, LOCK_AT, row, 0);
      for (let slot = 0; slot < SLOTS; slot++) {
        const left = part[slot] ?? 0;
        if (left === 0) continue;
        Atomics.sub(all, SLOTS_AT + slot * SLOT_WORDS, left);
        part[slot] = 0;
      }
      looks = LOOKS;
      if (timer === null) look(all, new Map());
    },
    get rows() {
      return parts.keys();
    },
  };
}
