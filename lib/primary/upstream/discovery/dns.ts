// Where names are resolved: by the system's resolver, or by the configured name servers.

import dns from 'node:dns/promises';

import { createQueries, failure, type Family, type Queries, type ServiceAnswer } from './query/queries.ts';
import type { Addresses } from './query/message.ts';

/** How names are resolved; tests replace it. */
export interface Dns {
  lookup(host: string): Promise<readonly string[]>;
  /** The shortest lifetime of the name's records; null if unknown. */
  ttlSeconds(host: string): Promise<number | null>;
  /** Its SRV records and their lifetime, which is Infinity if unknown. */
  services(name: string): Promise<ServiceAnswer>;
  /** The maximum number of concurrent lookups. */
  readonly atOnce: number;
  close(): void;
}

/** getaddrinfo blocks one of libuv's threads (four by default) while it runs, and the log's writes need them too. */
const LOOKUPS_AT_ONCE = 2;

/** Addresses come from getaddrinfo, which also reads /etc/hosts but reports no TTL; the TTL comes from a DNS query. */
export function systemDns(): Dns {
  const server = new dns.Resolver({ timeout: 2000, tries: 2 });
  const queries = createQueries(server, server.getServers());
  return {
    lookup: lookUp,
    async ttlSeconds(host) {
      const ttl = Math.min(...(await bothFamilies(queries, host)).map(({ ttlSeconds }) => ttlSeconds));
      return Number.isFinite(ttl) ? ttl : null;
    },
    services: (name) => queries.services(name),
    atOnce: LOOKUPS_AT_ONCE,
    close: () => queries.close(),
  };
}

async function lookUp(host: string): Promise<readonly string[]> {
  const all = await dns.lookup(host, { all: true });
  return all.map(({ address }) => address);
}

type Families = readonly [Family, Family];

function bothFamilies(queries: Queries, host: string): Promise<Families> {
  return Promise.all([queries.addresses(host, 'A'), queries.addresses(host, 'AAAA')]);
}

/** Names whose last answer is kept. */
const MAX_KEPT = 4096;
const QUERIES_AT_ONCE = 64;
const LOCAL = /^(.+\.)?localhost\.?$/i;

/** Asks `servers` in order, and the system only for `localhost`. */
export function serverDns(servers: readonly string[]): Dns {
  const server = new dns.Resolver({ timeout: 1500, tries: 2 });
  server.setServers(servers);
  const queries = createQueries(server, servers);
  const asking = new Map<string, Promise<Addresses>>();
  const kept = new Map<string, Families>();

  /** One query serves both the addresses and their lifetime. */
  function addresses(host: string): Promise<Addresses> {
    const known = asking.get(host);
    if (known !== undefined) return known;
    const answer = ask(host).finally(() => asking.delete(host));
    asking.set(host, answer);
    return answer;
  }

  async function ask(host: string): Promise<Addresses> {
    const [four, six] = await bothFamilies(queries, host);
    if (isFailed(four) && isFailed(six)) throw failure(four.none ?? 'EUNKNOWN');
    // If one family cannot be resolved, keep its last answer; the other one may have changed.
    const before = kept.get(host);
    const now: Families = [isFailed(four) ? (before?.[0] ?? four) : four, isFailed(six) ? (before?.[1] ?? six) : six];
    const ips = now.flatMap((family) => family.ips);
    if (ips.length === 0) throw failure((isFailed(six) ? six : four).none ?? 'ENODATA');
    kept.delete(host);
    kept.set(host, now);
    for (const oldest of kept.keys()) if (kept.size > MAX_KEPT) kept.delete(oldest);
    return { ips, ttlSeconds: Math.min(now[0].ttlSeconds, now[1].ttlSeconds) };
  }

  return {
    lookup: async (host) => (LOCAL.test(host) ? lookUp(host) : (await addresses(host)).ips),
    ttlSeconds: async (host) => (LOCAL.test(host) ? null : (await addresses(host)).ttlSeconds),
    services: (name) => queries.services(name),
    atOnce: QUERIES_AT_ONCE,
    close: () => queries.close(),
  };
}

/** Whether the query failed. False if the server answered that there are no records. */
function isFailed({ none }: Family): boolean {
  return none !== null && none !== 'ENODATA' && none !== 'ENOTFOUND';
}
