// What is known of each name: its addresses, and until when they may be used. Bounded.

import type { Addresses } from './query/message.ts';

export interface Entry {
  ips: readonly string[];
  /** When these addresses were last known to be right. */
  resolvedAt: number | null;
  /** When the name was last looked up. */
  lookedUpAt: number;
  /** -Infinity: at once, whatever its lifetime. */
  expiresAt: number;
  /** Why the last attempt failed. */
  failure: string | null;
  refreshing: Promise<void> | null;
  /** Resolves when the name server has told the lifetime, or has failed to; null then. */
  limiting: Promise<void> | null;
  /** Leaves the queue; null if not queued. */
  leaveQueue: (() => void) | null;
  askedAt: number;
}

export interface Entries {
  get(host: string): Entry | undefined;
  /** The same, but makes one if there is none, and counts as a use. */
  use(host: string, at: number): Entry;
  expireAll(): void;
}

const DEFAULT_TTL_S = 30;
const MIN_TTL_S = 1;
const MAX_TTL_S = 300;
export const MIN_LIFE_MS = MIN_TTL_S * 1000;
/** How long a known answer is confirmed by others before its name is looked up again. */
const CONFIRMED_MS = 10_000;
/** A name that has not been asked for this long, after a reload, is forgotten. */
const FORGET_MS = 600_000;
/** Beyond this, the names not asked for longest are forgotten: SRV records may name others each time. */
const MAX_NAMES = 8192;

export function createEntries(): Entries {
  const entries = new Map<string, Entry>();
  return {
    get: (host) => entries.get(host),
    use(host, at) {
      const known = entries.get(host);
      if (known !== undefined) {
        // Keep the map in order of use.
        entries.delete(host);
        entries.set(host, known);
        known.askedAt = at;
        return known;
      }
      for (const [name, { askedAt, leaveQueue }] of entries) {
        if (askedAt >= at - FORGET_MS && entries.size < MAX_NAMES) break;
        entries.delete(name);
        leaveQueue?.();
      }
      const entry: Entry = {
        ips: [],
        resolvedAt: null,
        lookedUpAt: -Infinity,
        expiresAt: -Infinity,
        failure: null,
        refreshing: null,
        limiting: null,
        leaveQueue: null,
        askedAt: at,
      };
      entries.set(host, entry);
      return entry;
    },
    expireAll() {
      for (const entry of entries.values()) entry.expiresAt = -Infinity;
    },
  };
}

/** The same list of addresses stays the same object. */
export function takeAnswer(entry: Entry, ips: readonly string[], at: number): void {
  if (ips.length !== entry.ips.length || ips.some((ip, i) => ip !== entry.ips[i])) entry.ips = ips;
  entry.resolvedAt = at;
  entry.lookedUpAt = at;
  entry.expiresAt = at + DEFAULT_TTL_S * 1000;
  entry.failure = null;
}

/** The lifetime of what was looked up then has been told, or could not be. */
export function limitLife(entry: Entry, lookedUpAt: number, ttlSeconds: number | null): void {
  if (entry.lookedUpAt !== lookedUpAt) return;
  entry.limiting = null;
  if (ttlSeconds !== null && entry.expiresAt !== -Infinity) entry.expiresAt = lookedUpAt + lifeOf(ttlSeconds);
}

/** Another answer came with these addresses of the name: what is known lives on if they are the same. */
export function confirmAnswer(entry: Entry, { ips, ttlSeconds }: Addresses, at: number): void {
  if (entry.failure !== null || entry.expiresAt === -Infinity) return;
  const latest = entry.lookedUpAt + CONFIRMED_MS;
  if (at >= latest || !isSameSet(entry.ips, ips)) return;
  entry.resolvedAt = at;
  entry.expiresAt = Math.max(entry.expiresAt, Math.min(latest, at + lifeOf(ttlSeconds)));
}

function lifeOf(ttlSeconds: number): number {
  return Math.min(MAX_TTL_S, Math.max(MIN_TTL_S, ttlSeconds)) * 1000;
}

/** `some` has no doubles. */
function isSameSet(some: readonly string[], others: readonly string[]): boolean {
  if (some.length === 1 && others.length === 1) return some[0] === others[0];
  const other = new Set(others);
  return other.size === some.length && some.every((it) => other.has(it));
}
