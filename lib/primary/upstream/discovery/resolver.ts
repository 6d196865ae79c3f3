// From a backend's name to its addresses, remembered for as long as the record lives. Only the primary resolves: workers get
// literals. Where nobody tells how long a record lives, that is assumed.

import { isIP } from 'node:net';

import { isLiteral } from '../../../../config/unix.ts';
import { LOOKUP_MS } from '../../../lookup.ts';
import { systemDns, type Dns, type ServiceAnswer } from './dns.ts';

export type { Dns } from './dns.ts';

export type Resolution =
  | { readonly ok: true; readonly ips: readonly string[]; readonly ageMs: number }
  /** `ips` is the last good answer, empty before the first; `ageMs` how old it is. */
  | { readonly ok: false; readonly code: string; readonly ips: readonly string[]; readonly ageMs: number | null };

export interface Resolver {
  /** Never rejects. At once where a good answer is known; it is refreshed behind the scenes. */
  resolve(host: string): Promise<Resolution>;
  /** The same, but waits for the refresh of an answer whose time is over, or that is older than `maxAgeMs`. */
  fresh(host: string, maxAgeMs?: number): Promise<Resolution>;
  /** Ms until the answer known should be asked for anew. Waits for the name server that knows its lifetime. */
  lifeLeft(host: string, maxAgeMs?: number): Promise<number>;
  /** SRV records, asked for each time. Rejects with a code. */
  services(name: string): Promise<ServiceAnswer>;
  /** Somebody else is asked from now on. What is known stays until there is an answer. */
  use(dns: Dns): void;
  /** Nothing is asked any more. A getaddrinfo under way cannot be stopped; its answer is ignored. */
  close(): void;
}

const DEFAULT_TTL_S = 30;
const MIN_TTL_S = 1;
const MAX_TTL_S = 300;
/** A name that nobody asks for any more, after a reload, is forgotten. */
const FORGET_MS = 600_000;
/** And those that were not asked for the longest time, where SRV records name others each time. */
const MAX_NAMES = 8192;
/** A lookup that waits for its turn is not made when nobody has asked for the name for so long: who follows it asks more often. */
const UNWANTED_MS = 4 * LOOKUP_MS;

interface Entry {
  ips: readonly string[];
  resolvedAt: number | null;
  expiresAt: number;
  /** Why the last attempt failed. */
  failure: string | null;
  refreshing: Promise<void> | null;
  /** Ends when the name server has told the lifetime, or does not. */
  limiting: Promise<void>;
  /** Gives up its turn, while it waits for it. */
  leaveQueue: (() => void) | null;
  askedAt: number;
}

export function createResolver(first: Dns = systemDns(), now: () => number = () => performance.now()): Resolver {
  let dns = first;
  const entries = new Map<string, Entry>();
  const timers = new Set<() => void>();
  const asked = new Map<string, Promise<readonly string[]>>();
  let running = 0;
  /** Whose turn comes next, the first one first; each says whether it takes it. */
  const queue = new Set<() => boolean>();
  let closed = false;

  /** The name's addresses, asked for when fewer than may be are; only then does its time begin, and is `begins` called. */
  async function ask(host: string, entry: Entry, begins: () => void): Promise<readonly string[]> {
    // One that was given up holds its place, and is joined, until it really ends.
    let answer = asked.get(host);
    if (answer === undefined) {
      if (running < dns.atOnce) running++;
      else await turn(entry);
      answer = hold(host);
      asked.set(host, answer);
    }
    begins();
    return within(LOOKUP_MS, answer);
  }

  /** Rejects when the name is forgotten, or nobody wants it any more, before its turn comes. */
  function turn(entry: Entry): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelled = (code: string): void => reject(Object.assign(new Error('not asked'), { code }));
      const mine = (): boolean => {
        entry.leaveQueue = null;
        // Whoever ends waits for those that are under way; none is added.
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
    try {
      return await dns.lookup(host);
    } finally {
      asked.delete(host);
      // The place is handed over, not given up and taken again, so that nobody slips in between.
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

  async function refresh(host: string, entry: Entry): Promise<void> {
    let ttl: Promise<number | null> = Promise.resolve(null);
    try {
      const addresses = await ask(host, entry, () => {
        ttl = dns.ttlSeconds(host).catch(() => null);
      });
      const ips = [...new Set(addresses)].filter((ip) => isIP(ip) !== 0);
      if (ips.length === 0) throw Object.assign(new Error('no address'), { code: 'ENODATA' });
      const resolvedAt = now();
      Object.assign(entry, { ips, resolvedAt, expiresAt: resolvedAt + DEFAULT_TTL_S * 1000, failure: null });
      // Not waited for: the addresses are good whether or not a name server tells their lifetime.
      entry.limiting = limit(entry, resolvedAt, ttl);
    } catch (error) {
      entry.failure = codeOf(error);
    } finally {
      entry.refreshing = null;
    }
  }

  async function limit(entry: Entry, resolvedAt: number, ttl: Promise<number | null>): Promise<void> {
    const seconds = await ttl;
    if (seconds === null || entry.resolvedAt !== resolvedAt) return;
    entry.expiresAt = resolvedAt + Math.min(MAX_TTL_S, Math.max(MIN_TTL_S, seconds)) * 1000;
  }

  /** Like `promise`, but rejects after `ms`, or when all is closed. */
  function within<T>(ms: number, promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        clearTimeout(timer);
        timers.delete(giveUp);
        reject(Object.assign(new Error('no answer in time'), { code: 'ETIMEOUT' }));
      };
      const timer = setTimeout(giveUp, ms);
      timers.add(giveUp);
      void promise.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        timers.delete(giveUp);
      });
    });
  }

  function entryOf(host: string, at: number): Entry {
    const known = entries.get(host);
    if (known !== undefined) {
      // The one that was asked for last stands last.
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
      // Its turn may come late, when others' lookups hang.
      await within(LOOKUP_MS, entry.refreshing).catch(() => {
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
    await within(LOOKUP_MS, entry.refreshing).catch(() => undefined);
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

  function close(): void {
    closed = true;
    dns.close();
    for (const giveUp of timers) giveUp();
  }

  return {
    resolve,
    fresh,
    lifeLeft,
    services: (name) => within(LOOKUP_MS, closed ? Promise.reject(new Error('closed')) : dns.services(name)),
    use(next) {
      dns.close();
      dns = next;
      asked.clear();
      for (const entry of entries.values()) entry.expiresAt = -Infinity;
    },
    close,
  };
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EUNKNOWN';
}
