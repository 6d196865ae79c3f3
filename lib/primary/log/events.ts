// The latest events in memory, bounded. Owns the ring and its listeners.

import type { EventRecord } from '../../control/protocol.ts';

export interface Events {
  add(event: Omit<EventRecord, 'seq' | 'timestamp'>): void;
  /** Puts the events of another process, oldest first, before all others. */
  inherit(earlier: readonly EventRecord[]): void;
  /** Oldest first. */
  recent(): readonly EventRecord[];
  /** Calls `listener` for each new event until the returned function is called. */
  subscribe(listener: (event: EventRecord) => void): () => void;
}

const KEPT = 1000;

/**
 * A start or a reload may find hundreds of backends up for the first time. Keep only the first of each such burst, or they would
 * push out everything else. Listeners and the log get all.
 */
const FIRST_UPS = 20;
const APART_MS = 10_000;

export function createEvents(kept = KEPT, now = () => performance.now()): Events {
  const ring: EventRecord[] = [];
  const listeners = new Set<(event: EventRecord) => void>();
  let seq = 0;
  const firstUps = { count: 0, at: -Infinity };

  function isOneOfMany({ event, fields }: Pick<EventRecord, 'event' | 'fields'>): boolean {
    if (event !== 'backend.up' || fields['from'] !== 'unknown') return false;
    if (now() - firstUps.at > APART_MS) firstUps.count = 0;
    firstUps.at = now();
    return ++firstUps.count > FIRST_UPS;
  }

  return {
    add(event) {
      const record = { seq: ++seq, timestamp: new Date().toISOString(), ...event };
      if (!isOneOfMany(event)) ring.push(record);
      // Trim in bulk: a shift() per event would move the whole array.
      if (ring.length >= 2 * kept) ring.splice(0, ring.length - kept);
      for (const listener of listeners) listener(record);
    },
    inherit(earlier) {
      const first = Math.max(0, ...earlier.map((event) => event.seq));
      const own = ring.map((event) => ({ ...event, seq: event.seq + first }));
      ring.splice(0, ring.length, ...earlier.slice(-kept), ...own);
      seq += first;
    },
    recent: () => ring.slice(-kept),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
