// What workers that are gone have counted of their clients' sources (lib/engine/sources.ts): it is taken back here, so that nobody is
// kept out for connections that nobody has.

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
  /** A worker is about to get that row, and may count there: its part is there, and what all share. */
  join(row: number): boolean;
  /** It is gone. */
  leave(row: number): void;
}

/** A client that is counted among all and not yet in its worker's part is not so for as long. */
const LOOK_AGAIN_MS = 2000;
/** So often after the last one has gone: while clients come some are always being counted. */
const LOOKS = 5;

/** `fd`: the scoreboard; `write` puts zeros there, so that there is memory: false when there is not. */
export function createSharedSources(
  fd: number | null,
  write: (bytes: Uint8Array, at: number) => boolean,
): SharedSources {
  let all: Int32Array | null = null;
  /** By row. */
  const parts = new Map<number, Int32Array>();
  let timer: NodeJS.Timeout | null = null;
  let looks = 0;

  function open(at: number, bytes: number): Int32Array | null {
    const loaded = fd === null ? null : loadAddon();
    if (fd === null || loaded === null || !loaded.ok || !write(new Uint8Array(bytes), at)) return null;
    try {
      return new Int32Array(loaded.addon.mapShared(fd, at, bytes));
    } catch {
      return null;
    }
  }

  /** By slot: the states of those that have more clients than the parts know of. */
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

  /** Whoever was killed between two steps has left one too many, which no part tells of, or a slot locked. */
  function look(shared: Int32Array, before: ReturnType<typeof amiss>): void {
    const now = amiss(shared);
    for (const [slot, { state, surplus }] of now) {
      const first = before.get(slot);
      if (first?.state !== state || first.surplus !== surplus) continue;
      const right = (state & ~LOCKED) - Math.max(0, surplus);
      Atomics.compareExchange(shared, SLOTS_AT + slot * SLOT_WORDS, state, right);
    }
    const isOver = now.size === 0 || --looks <= 0;
    timer = isOver ? null : setTimeout(look, LOOK_AGAIN_MS, shared, now).unref();
  }

  return {
    join(row) {
      all ??= open(SOURCES_AT, SOURCES_BYTES);
      if (all === null) return false;
      const { at, bytes } = sourcesPartOf(row);
      const part = parts.get(row) ?? open(at, bytes);
      if (part !== null) parts.set(row, part);
      return part !== null;
    },
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
  };
}
