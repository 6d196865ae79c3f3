// Resolves backends' names to addresses and caches the answers for the records' lifetime. Only the primary resolves; workers get
// literals. If the lifetime is unknown, a default is used.

import { isIP } from 'node:net';

import { isLiteral } from '../../../../config/unix.ts';
import { LOOKUP_MS } from '../../../lookup.ts';
import { codeOf, systemDns, type Dns, type ServiceAnswer } from './dns.ts';
import { createWaits } from './waits.ts';

export type { Dns } from './dns.ts';

export type Resolution =
  | { readonly ok: true; readonly ips: readonly string[]; readonly ageMs: number }
  /** `ips` is the last good answer, empty before the first one; `ageMs` is its age. */
  | { readonly ok: false; readonly code: string; readonly ips: readonly string[]; readonly ageMs: number | null };

export interface Resolver {
  /** Never rejects. Returns a known good answer at once and refreshes it in the background. */
  resolve(host: string): Promise<Resolution>;
  /** The same, but waits for the refresh of an answer that has expired or is older than `maxAgeMs`. */
  fresh(host: string, maxAgeMs?: number): Promise<Resolution>;
  /** Ms until the known answer should be refreshed. Waits for the name server that knows its lifetime. */
  lifeLeft(host: string, maxAgeMs?: number): Promise<number>;
  /** Queries SRV records, without a cache. Rejects with a code. */
  services(name: string): Promise<ServiceAnswer>;
  /** Switches to other name servers. Known answers stay until there are new ones. */
  use(dns: Dns): void;
  /** Stops asking. A getaddrinfo call cannot be cancelled; its answer is ignored. */
  close(): void;
}

const DEFAULT_TTL_S = 30;
const MIN_TTL_S = 1;
const MAX_TTL_S = 300;
/** A name that has not been asked for this long, after a reload, is forgotten. */
const FORGET_MS = 600_000;
/** Beyond this, the names not asked for longest are forgotten: SRV records may name others each time. */
const MAX_NAMES = 8192;
/** A queued lookup is dropped if the name has not been asked for this long; followers of a name ask more often. */
const UNWANTED_MS = 4 * LOOKUP_MS;

interface Entry {
  ips: readonly string[];
  resolvedAt: number | null;
  /** -Infinity: at once, whatever its lifetime. */
  expiresAt: number;
  /** Why the last attempt failed. */
  failure: string | null;
  refreshing: Promise<void> | null;
  /** Resolves when the name server has told the lifetime, or has failed to. */
  limiting: Promise<void>;
  /** Leaves the queue; null if not queued. */
  leaveQueue: (() => void) | null;
  askedAt: number;
}

export function createResolver(first: Dns = systemDns(), now: () => number = () => performance.now()): Resolver {
  let dns = first;
  const entries = new Map<string, Entry>();
  const callers = createWaits();
  /** The waits for the name servers. */
  const lookups = createWaits();
  /** The lookups under way at these name servers. */
  let asked = new Map<string, Promise<readonly string[]>>();
  let running = 0;
  /** Lookups that wait for a slot, first come, first served. Each returns whether it takes the slot. */
  const queue = new Set<() => boolean>();
  let closed = false;

  /** Looks the name up as soon as a slot is free. Only then does its timeout start, and `begins` is called. */
  async function ask(host: string, entry: Entry, begins: () => void): Promise<readonly string[]> {
    // A lookup that timed out keeps its slot until it really ends, and is joined instead of repeated.
    let answer = asked.get(host);
    if (answer === undefined) {
      if (running < dns.atOnce) running++;
      else await turn(entry);
      answer = hold(host);
      asked.set(host, answer);
    }
    begins();
    return lookups.within(LOOKUP_MS, answer);
  }

  /** Waits for a slot. Rejects if the name is forgotten, or no longer wanted, before that. */
  function turn(entry: Entry): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelled = (code: string): void => reject(Object.assign(new Error('not asked'), { code }));
      const mine = (): boolean => {
        entry.leaveQueue = null;
        // A closing process waits for lookups under way, so start no more.
        const isWanted = !closed && now() - entry.askedAt < UNWANTED_MS;
        if (isWanted) resolve();
        else cancelled(closed ? 'ECANCELLED' : 'ETIMEOUT');
        return isWanted;
      };
      entry.leaveQueue = () => {
        queue.delete(mine);
        cancelled('ETIMEOUT');
      };
      queue.add(mine);
    });
  }

  async function hold(host: string): Promise<readonly string[]> {
    const own = asked;
    try {
      return await dns.lookup(host);
    } finally {
      own.delete(host);
      // Pass the slot on instead of freeing and retaking it, so that no other lookup slips in.
      if (!handOver()) running--;
    }
  }

  function handOver(): boolean {
    for (const next of queue) {
      queue.delete(next);
      if (next()) return true;
    }
    return false;
  }

  /** Calls `act`, again if the name servers have changed before it has ended. */
  async function withThese<T>(act: () => Promise<T>): Promise<T> {
    for (;;) {
      const these = asked;
      try {
        const answer = await act();
        if (these === asked || closed) return answer;
      } catch (error) {
        if (these === asked || closed) throw error;
      }
    }
  }

  async function refresh(host: string, entry: Entry): Promise<void> {
    let ttl: Promise<number | null> = Promise.resolve(null);
    const begins = (): void => void (ttl = dns.ttlSeconds(host).catch(() => null));
    try {
      const addresses = await withThese(() => ask(host, entry, begins));
      const ips = [...new Set(addresses)].filter((ip) => isIP(ip) !== 0);
      if (ips.length === 0) throw Object.assign(new Error('no address'), { code: 'ENODATA' });
      const resolvedAt = now();
      Object.assign(entry, { ips, resolvedAt, expiresAt: resolvedAt + DEFAULT_TTL_S * 1000, failure: null });
      // Not awaited: the addresses are good whether or not a name server tells their lifetime.
      entry.limiting = limit(entry, resolvedAt, ttl);
    } catch (error) {
      entry.failure = codeOf(error);
    } finally {
      entry.refreshing = null;
    }
  }

  async function limit(entry: Entry, resolvedAt: number, ttl: Promise<number | null>): Promise<void> {
    const seconds = await ttl;
    if (seconds === null || entry.resolvedAt !== resolvedAt || entry.expiresAt === -Infinity) return;
    entry.expiresAt = resolvedAt + Math.min(MAX_TTL_S, Math.max(MIN_TTL_S, seconds)) * 1000;
  }

  function entryOf(host: string, at: number): Entry {
    const known = entries.get(host);
    if (known !== undefined) {
      // Keep the map in order of use.
      entries.delete(host);
      entries.set(host, known);
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
      expiresAt: -Infinity,
      failure: null,
      refreshing: null,
      limiting: Promise.resolve(),
      leaveQueue: null,
      askedAt: at,
    };
    entries.set(host, entry);
    return entry;
  }

  async function resolve(host: string): Promise<Resolution> {
    if (isLiteral(host)) return { ok: true, ips: [host], ageMs: 0 };
    const entry = entryOf(host, now());
    entry.askedAt = now();
    if (now() >= entry.expiresAt && entry.refreshing === null && !closed) entry.refreshing = refresh(host, entry);
    if ((entry.resolvedAt === null || entry.failure !== null) && entry.refreshing !== null) {
      // Its slot may come late if other lookups hang.
      await callers.within(LOOKUP_MS, entry.refreshing).catch(() => {
        entry.failure ??= 'ETIMEOUT';
      });
    }
    return answerOf(entry);
  }

  function answerOf({ ips, resolvedAt, failure }: Entry): Resolution {
    const ageMs = resolvedAt === null ? null : now() - resolvedAt;
    if (failure === null && ageMs !== null) return { ok: true, ips, ageMs };
    return { ok: false, code: failure ?? 'ECANCELLED', ips, ageMs };
  }

  async function fresh(host: string, maxAgeMs = Infinity): Promise<Resolution> {
    const old = entries.get(host);
    if (old !== undefined && now() - (old.resolvedAt ?? now()) >= maxAgeMs) old.expiresAt = -Infinity;
    const known = await resolve(host);
    const entry = entries.get(host);
    if (entry === undefined || entry.refreshing === null) return known;
    await callers.within(LOOKUP_MS, entry.refreshing).catch(() => undefined);
    return answerOf(entry);
  }

  async function lifeLeft(host: string, maxAgeMs = Infinity): Promise<number> {
    if (isLiteral(host)) return Infinity;
    const entry = entries.get(host);
    if (entry === undefined) return MIN_TTL_S * 1000;
    await entry.limiting;
    const oldAt = (entry.resolvedAt ?? -Infinity) + maxAgeMs;
    return Math.max(MIN_TTL_S * 1000, Math.min(entry.expiresAt, oldAt) - now());
  }

  return {
    resolve,
    fresh,
    lifeLeft,
    services: (name) =>
      withThese(() => lookups.within(LOOKUP_MS, closed ? Promise.reject(new Error('closed')) : dns.services(name))),
    use(next) {
      dns.close();
      dns = next;
      asked = new Map();
      for (const entry of entries.values()) entry.expiresAt = -Infinity;
      // A getaddrinfo call cannot be cancelled, but nobody waits for it any more.
      lookups.endAll();
      // There may be more slots now.
      while (running < dns.atOnce && handOver()) running++;
    },
    close() {
      closed = true;
      dns.close();
      lookups.endAll();
      callers.endAll();
    },
  };
}
