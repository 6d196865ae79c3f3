// Where names are resolved: by the system's resolver, or by the configured name servers.

import dns from 'node:dns/promises';
import { statSync } from 'node:fs';

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

/** The system's name servers; tests replace them. */
export interface System {
  /** Changes when the name servers may have changed. */
  version(): string;
  open(): dns.Resolver;
}

const RESOLV_CONF = '/etc/resolv.conf';
/** How often that is looked at. */
const LOOK_MS = 1000;

const SYSTEM: System = {
  version() {
    const found = statSync(RESOLV_CONF, { throwIfNoEntry: false });
    return found === undefined ? '' : [found.ino, found.size, found.mtimeMs].join();
  },
  open: () => new dns.Resolver({ timeout: 2000, tries: 2 }),
};

/**
 * Addresses come from getaddrinfo, which also reads /etc/hosts but reports no TTL; the TTL comes from a DNS query. A Resolver of
 * Node.js stays with the name servers that it has found first, so it is replaced when they change; getaddrinfo sees to that itself.
 */
export function systemDns(system: System = SYSTEM, now: () => number = () => performance.now()): Dns {
  let version = versionOf(system);
  let lookedAt = now();
  let queries = open();
  let closed = false;

  function open(): Queries {
    const server = system.open();
    return createQueries(server, server.getServers());
  }

  function current(): Queries {
    if (closed || now() - lookedAt < LOOK_MS) return queries;
    lookedAt = now();
    const newest = versionOf(system);
    if (newest === version) return queries;
    version = newest;
    queries.close();
    queries = open();
    return queries;
  }

  return {
    lookup: lookUp,
    async ttlSeconds(host) {
      const ttl = Math.min(...(await bothFamilies(current(), host)).map(({ ttlSeconds }) => ttlSeconds));
      return Number.isFinite(ttl) ? ttl : null;
    },
    services: (name) => current().services(name),
    atOnce: LOOKUPS_AT_ONCE,
    close() {
      closed = true;
      queries.close();
    },
  };
}

/** '' if the system does not say. */
function versionOf(system: System): string {
  try {
    return system.version();
  } catch {
    return '';
  }
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
