// Counts the clients of each source in memory that all workers may share (lib/engine/sources.ts). A worker that dies leaves its
// counts in its own part, and the primary takes them back (lib/primary/scoreboard/shared-sources.ts). So a client is counted
// first in the shared part, then in the worker's own, and removed in the opposite order.

import {
  BUCKETS,
  COUNT_MASK,
  LOCK_AT,
  LOCKED,
  RATE,
  RATED_SERVICES,
  RATE_WORDS,
  RATES_AT,
  SERVICE,
  SLOT_WORDS,
  SLOTS_AT,
  SLOTS_EACH,
  STATE,
  USE_SHIFT,
  USES,
  type SourcesMemory,
} from '../../engine/sources.ts';
import { grown } from '../../grown.ts';
import { isRateOver, takeRate } from './rate.ts';

export interface Limits {
  /** 0: any number. */
  readonly connections: number;
  /** Per second; 0: any number. */
  readonly rate: number;
}

/** Which limit was reached; NO_ROOM: the source cannot be counted. */
export const TOO_MANY = -2;
export const TOO_FAST = -3;
export const NO_ROOM = -1;

export interface Sources {
  /** Counts one more client of the source. Returns its slot for leave(), or what refused it. `now`: ms of a shared clock. */
  enter(ip: Uint8Array, service: number, limits: Limits, now: number): number;
  leave(slot: number): void;
  /** Counts one more client of the service, from any source. */
  isWithinRate(service: number, most: number, now: number): boolean;
}

/** Attempts to count a client whose slot another worker takes at the same moment. */
const TRIES = 10_000;
/**
 * How long to wait for another worker that enters a source: it needs microseconds, unless the system takes it off its processor.
 * If it hangs, the others wait no longer for a while, and a source may get two slots.
 */
const LOCK_MS = 100;
const HOPELESS_MS = 1000;
/** Attempts between two looks at the clock. */
const SPINS = 1000;

/** The order in which slots are taken: 0 to 7 are in the first bucket, 8 and up in the second. */
const PLACES = [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 6, 14, 7, 15];

export function createSources({ row, all, own }: SourcesMemory): Sources {
  /** The key to look for: service id + 1, and the address. */
  const key = new Int32Array(5);
  /** The first slot of each of its two buckets. */
  let [one, other] = [0, 0];
  /** This worker's own rates, for services beyond the shared memory. */
  let beyond = new Int32Array();

  const wordOf = (slot: number, word: number): number => SLOTS_AT + slot * SLOT_WORDS + word;

  /** Chooses two buckets, which are the same only by chance. */
  function choose(): void {
    let hash = 0x9e3779b9;
    for (let i = 0; i < key.length; i++) {
      hash = Math.imul(hash ^ (key[i] ?? 0), 0x85ebca6b);
      hash ^= hash >>> 13;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    one = ((hash >>> 17) % BUCKETS) * SLOTS_EACH;
    other = ((hash & 0xffff) % BUCKETS) * SLOTS_EACH;
  }

  function isAt(slot: number): boolean {
    // Compare from the end of the address, where addresses differ.
    for (let i = 4; i >= 0; i--) if (Atomics.load(all, wordOf(slot, SERVICE + i)) !== key[i]) return false;
    return true;
  }

  /** Whether the slot was never used. Slots are taken in order and never become untouched again, so none behind it is used. */
  function isUntouched(slot: number): boolean {
    return Atomics.load(all, wordOf(slot, SERVICE)) === 0 && Atomics.load(all, wordOf(slot, STATE)) === 0;
  }

  function findIn(bucket: number): number {
    for (let slot = bucket; slot < bucket + SLOTS_EACH; slot++) {
      if (isAt(slot)) return slot;
      if (isUntouched(slot)) return -1;
    }
    return -1;
  }

  /** Returns the key's slot, or −1. */
  function find(): number {
    const slot = findIn(one);
    return slot === -1 ? findIn(other) : slot;
  }

  /**
   * Locks and returns a slot that is free, or whose source has not come lately. Takes one in the second bucket only if the first
   * is nearly full: each cache line read costs as much as all the rest.
   */
  function free(now: number): number {
    for (let i = 0; i < 2 * SLOTS_EACH; i++) {
      const slot = PLACES[i] ?? 0;
      const at = slot < SLOTS_EACH ? one + slot : other + slot - SLOTS_EACH;
      const state = Atomics.load(all, wordOf(at, STATE));
      if ((state & (COUNT_MASK | LOCKED)) !== 0 || !isRateOver(all, wordOf(at, RATE), now)) continue;
      const use = ((state >>> USE_SHIFT) + 1) % USES;
      const locked = LOCKED | (use << USE_SHIFT);
      if (Atomics.compareExchange(all, wordOf(at, STATE), state, locked) === state) return at;
    }
    return -1;
  }

  let hopelessUntil = -Infinity;

  /** Waits until no other worker enters a source. */
  function lock(): void {
    let since = -Infinity;
    for (let i = 0; Atomics.compareExchange(all, LOCK_AT, 0, row || 1) !== 0; i++) {
      if (i % SPINS !== 0) continue;
      const now = performance.now();
      if (since === -Infinity) since = now;
      if (now < hopelessUntil) return;
      if (now - since > LOCK_MS) hopelessUntil = now + HOPELESS_MS;
    }
  }

  /** Finds or takes the key's slot under the lock, so that no other worker enters the same source. The slot has no client yet. */
  function establish(now: number): number {
    lock();
    const known = find();
    const slot = known === -1 ? free(now) : known;
    if (known === -1 && slot !== -1) {
      for (let i = 0; i < RATE_WORDS; i++) Atomics.store(all, wordOf(slot, RATE + i), 0);
      for (let i = 0; i < key.length; i++) Atomics.store(all, wordOf(slot, SERVICE + i), key[i] ?? 0);
      Atomics.and(all, wordOf(slot, STATE), ~LOCKED);
    }
    Atomics.compareExchange(all, LOCK_AT, row || 1, 0);
    return slot;
  }

  /** Counts one more client; −1: another source has taken the slot. */
  function count(slot: number, limits: Limits, now: number): number {
    let hasRate = limits.rate === 0;
    for (;;) {
      const state = Atomics.load(all, wordOf(slot, STATE));
      // Compare after reading the state: taking the slot changes it.
      if ((state & LOCKED) !== 0 || !isAt(slot)) return -1;
      const clients = state & COUNT_MASK;
      if (clients === COUNT_MASK || (limits.connections > 0 && clients >= limits.connections)) return TOO_MANY;
      hasRate ||= takeRate(all, wordOf(slot, RATE), limits.rate, now);
      if (!hasRate) return TOO_FAST;
      if (Atomics.compareExchange(all, wordOf(slot, STATE), state, state + 1) !== state) continue;
      Atomics.add(own, slot, 1);
      return slot;
    }
  }

  return {
    enter(ip, service, limits, now) {
      key[0] = service + 1;
      for (let i = 0; i < 4; i++) key[i + 1] = wordAt(ip, 4 * i);
      choose();
      for (let i = 0; i < TRIES; i++) {
        const known = find();
        const slot = known === -1 ? establish(now) : known;
        if (slot === -1) return NO_ROOM;
        const counted = count(slot, limits, now);
        if (counted !== -1) return counted;
      }
      return NO_ROOM;
    },
    leave(slot) {
      Atomics.sub(own, slot, 1);
      Atomics.sub(all, wordOf(slot, STATE), 1);
    },
    isWithinRate(service, most, now) {
      if (service < RATED_SERVICES) return takeRate(all, RATES_AT + RATE_WORDS * service, most, now);
      beyond = grown(beyond, RATE_WORDS * service + 1);
      return takeRate(beyond, RATE_WORDS * service, most, now);
    },
  };
}

function wordAt(ip: Uint8Array, at: number): number {
  return ((ip[at] ?? 0) << 24) | ((ip[at + 1] ?? 0) << 16) | ((ip[at + 2] ?? 0) << 8) | (ip[at + 3] ?? 0);
}
