// Resolves backends' names to addresses and caches the answers for the records' lifetime. Only the primary resolves; workers get
// literals. If the lifetime is unknown, a default is used.

import { isIP } from 'node:net';

import { isLiteral } from '../../../../config/unix.ts';
import { LOOKUP_MS } from '../../../lookup.ts';
import { systemDns, type Dns } from './dns.ts';
import { confirmAnswer, createEntries, limitLife, MIN_LIFE_MS, takeAnswer, type Entry } from './entries.ts';
import type { Addresses } from './query/message.ts';
import { codeOf, type ServiceAnswer } from './query/queries.ts';
import { createTurns, createWaits } from './waits.ts';

export type { Dns } from './dns.ts';

export type Resolution =
  | { readonly ok: true; readonly ips: readonly string[]; readonly ageMs: number }
  /** `ips` is the last good answer, empty before the first one; `ageMs` is its age. */
  | { readonly ok: false; readonly code: string; readonly ips: readonly string[]; readonly ageMs: number | null };

export interface Known {
  readonly ips: readonly string[];
  readonly ageMs: number;
  readonly lifeMs: number;
}

export interface Resolver {
  /** Never rejects. Returns a known good answer at once and refreshes it in the background. */
  resolve(host: string): Promise<Resolution>;
  /** The same, but waits for the refresh of an answer that has expired or is older than `maxAgeMs`. */
  fresh(host: string, maxAgeMs?: number): Promise<Resolution>;
  /** Ms until the known answer should be refreshed. Waits for the name server that knows its lifetime. */
  lifeLeft(host: string, maxAgeMs?: number): Promise<number>;
  /**
   * The known answer and the ms until it should be refreshed; null if it has to be looked up. `along`: addresses that came with
   * another answer just now. If they are the same, the known answer lives on; they never replace it, because not all of them may
   * have come.
   */
  known(host: string, maxAgeMs: number, along?: Addresses): Known | null;
  /** Queries SRV records, without a cache. Rejects with a code. */
  services(name: string): Promise<ServiceAnswer>;
  /** Switches to other name servers. Known answers stay until there are new ones. */
  use(dns: Dns): void;
  /** Stops asking. A getaddrinfo call cannot be cancelled; its answer is ignored. */
  close(): void;
}

/** A queued lookup is dropped if the name has not been asked for this long; followers of a name ask more often. */
const UNWANTED_MS = 4 * LOOKUP_MS;

export function createResolver(first: Dns = systemDns(), now: () => number = () => performance.now()): Resolver {
  let dns = first;
  const entries = createEntries();
  const callers = createWaits();
  /** The waits for the name servers. */
  const lookups = createWaits();
  /** The lookups under way at these name servers. */
  let asked = new Map<string, Promise<readonly string[]>>();
  const turns = createTurns(() => dns.atOnce);
  let closed = false;

  /** Looks the name up as soon as a slot is free. Only then does its timeout start, and `begins` is called. */
  async function ask(host: string, entry: Entry, begins: () => void): Promise<readonly string[]> {
    // A lookup that timed out keeps its slot until it really ends, and is joined instead of repeated.
    let answer = asked.get(host);
    if (answer === undefined) {
      if (!turns.take()) await turn(entry);
      answer = hold(host);
      asked.set(host, answer);
    }
    begins();
    return lookups.within(LOOKUP_MS, answer);
  }

  /** Waits for a slot. Rejects if the name is forgotten, or no longer wanted, before that. */
  function turn(entry: Entry): Promise<void> {
    const { come, leave } = turns.wait(() => {
      entry.leaveQueue = null;
      // A closing process waits for lookups under way, so start no more.
      if (closed) return 'ECANCELLED';
      return now() - entry.askedAt < UNWANTED_MS ? null : 'ETIMEOUT';
    });
    entry.leaveQueue = leave;
    return come;
  }

  async function hold(host: string): Promise<readonly string[]> {
    const own = asked;
    try {
      return await dns.lookup(host);
    } finally {
      own.delete(host);
      turns.over();
    }
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
      const at = now();
      takeAnswer(entry, ips, at);
      // Not awaited: the addresses are good whether or not a name server tells their lifetime.
      entry.limiting = limit(entry, at, ttl);
    } catch (error) {
      entry.failure = codeOf(error);
    } finally {
      entry.refreshing = null;
    }
  }

  async function limit(entry: Entry, lookedUpAt: number, ttl: Promise<number | null>): Promise<void> {
    limitLife(entry, lookedUpAt, await ttl);
  }

  function known(host: string, maxAgeMs: number, along?: Addresses): Known | null {
    const at = now();
    const entry = entries.get(host);
    if (entry === undefined || entry.refreshing !== null || entry.limiting !== null) return null;
    if (along !== undefined) confirmAnswer(entry, along, at);
    const { ips, resolvedAt, failure, expiresAt } = entry;
    if (resolvedAt === null || failure !== null || at >= expiresAt || at - resolvedAt >= maxAgeMs) return null;
    entries.use(host, at);
    return { ips, ageMs: at - resolvedAt, lifeMs: Math.max(MIN_LIFE_MS, expiresAt - at) };
  }

  async function resolve(host: string): Promise<Resolution> {
    if (isLiteral(host)) return { ok: true, ips: [host], ageMs: 0 };
    const entry = entries.use(host, now());
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
    if (entry === undefined) return MIN_LIFE_MS;
    await entry.limiting;
    const oldAt = (entry.resolvedAt ?? -Infinity) + maxAgeMs;
    return Math.max(MIN_LIFE_MS, Math.min(entry.expiresAt, oldAt) - now());
  }

  return {
    resolve,
    fresh,
    lifeLeft,
    known,
    services: (name) =>
      withThese(() => lookups.within(LOOKUP_MS, closed ? Promise.reject(new Error('closed')) : dns.services(name))),
    use(next) {
      dns.close();
      dns = next;
      asked = new Map();
      entries.expireAll();
      // A getaddrinfo call cannot be cancelled, but nobody waits for it any more.
      lookups.endAll();
      turns.fill();
    },
    close() {
      closed = true;
      dns.close();
      lookups.endAll();
      callers.endAll();
    },
  };
}
