// Where names are resolved: by the system's resolver, or by the configured name servers.

import dns from 'node:dns/promises';

import { askForServices } from './srv-query.ts';

export interface ServiceRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export interface ServiceAnswer {
  readonly records: readonly ServiceRecord[];
  readonly ttlMs: number;
}

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
  const open = new Set<() => void>();
  return {
    lookup: lookUp,
    async ttlSeconds(host) {
      const records = await Promise.allSettled([
        server.resolve4(host, { ttl: true }),
        server.resolve6(host, { ttl: true }),
      ]);
      const ttls = records.flatMap((result) =>
        result.status === 'fulfilled' ? result.value.map(({ ttl }) => ttl) : [],
      );
      return ttls.length === 0 ? null : Math.min(...ttls);
    },
    services: (name) => services(name, server, open),
    atOnce: LOOKUPS_AT_ONCE,
    close() {
      server.cancel();
      for (const giveUp of open) giveUp();
    },
  };
}

/** Queries SRV records itself, because Node.js does not report their TTL; falls back to Node.js. */
async function services(name: string, server: dns.Resolver, open: Set<() => void>): Promise<ServiceAnswer> {
  const [first] = server.getServers();
  const answer = first === undefined ? null : await askForServices(name, first, open);
  return answer ?? { records: await server.resolveSrv(name), ttlMs: Infinity };
}

async function lookUp(host: string): Promise<readonly string[]> {
  const all = await dns.lookup(host, { all: true });
  return all.map(({ address }) => address);
}

type Family = readonly { readonly address: string; readonly ttl: number }[];
type Families = readonly [Family | null, Family | null];

/** Names whose last answer is kept. */
const MAX_KEPT = 4096;
const QUERIES_AT_ONCE = 64;
const LOCAL = /^(.+\.)?localhost\.?$/i;

/** Asks `servers` in order, and the system only for `localhost`. */
export function serverDns(servers: readonly string[]): Dns {
  const server = new dns.Resolver({ timeout: 1500, tries: 2 });
  server.setServers(servers);
  const open = new Set<() => void>();
  const asking = new Map<string, Promise<Family>>();
  const kept = new Map<string, Families>();

  /** One query serves both the addresses and their lifetime. */
  function addresses(host: string): Promise<Family> {
    const known = asking.get(host);
    if (known !== undefined) return known;
    const answer = ask(host).finally(() => asking.delete(host));
    asking.set(host, answer);
    return answer;
  }

  async function ask(host: string): Promise<Family> {
    const [four, six] = await Promise.allSettled([
      server.resolve4(host, { ttl: true }),
      server.resolve6(host, { ttl: true }),
    ]);
    const failures = [four, six].flatMap((it) => (it.status === 'rejected' && !isEmpty(it.reason) ? [it] : []));
    if (failures.length === 2) throw failures[0]?.reason;
    // If one family cannot be resolved, keep its last answer; the other one may have changed.
    const before = kept.get(host) ?? [null, null];
    const now: Families = [familyOf(four) ?? before[0], familyOf(six) ?? before[1]];
    const all = [...(now[0] ?? []), ...(now[1] ?? [])];
    if (all.length === 0) throw [failures[0], four, six].find((it) => it?.status === 'rejected')?.reason ?? noData();
    kept.delete(host);
    kept.set(host, now);
    for (const oldest of kept.keys()) if (kept.size > MAX_KEPT) kept.delete(oldest);
    return all;
  }

  return {
    async lookup(host) {
      if (LOCAL.test(host)) return lookUp(host);
      return (await addresses(host)).map(({ address }) => address);
    },
    async ttlSeconds(host) {
      if (LOCAL.test(host)) return null;
      return Math.min(...(await addresses(host)).map(({ ttl }) => ttl));
    },
    services: (name) => services(name, server, open),
    atOnce: QUERIES_AT_ONCE,
    close() {
      server.cancel();
      for (const giveUp of open) giveUp();
    },
  };
}

/** Null if the query failed. */
function familyOf(result: PromiseSettledResult<Family>): Family | null {
  if (result.status === 'fulfilled') return result.value;
  return isEmpty(result.reason) ? [] : null;
}

/** Whether the server answered that there are no records. */
function isEmpty(reason: unknown): boolean {
  return reason instanceof Error && 'code' in reason && (reason.code === 'ENODATA' || reason.code === 'ENOTFOUND');
}

function noData(): Error {
  return Object.assign(new Error('no address'), { code: 'ENODATA' });
}

/** Why a lookup failed. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EUNKNOWN';
}
