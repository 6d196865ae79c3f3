// Asks name servers in order, each by itself, because Node.js costs more and does not report the TTL of SRV records. What that
// leaves open is left to Node.js, which retries.

import type { Resolver } from 'node:dns/promises';

import { openLine, type Line } from './line.ts';
import type { Addresses, QueryType, Records } from './message.ts';
import type { ServiceRecord } from './wire.ts';

/** SRV records, their lifetime (Infinity if unknown), and what came along about their targets, by name in lower case. */
export interface ServiceAnswer {
  readonly records: readonly ServiceRecord[];
  readonly ttlMs: number;
  readonly along?: ReadonlyMap<string, Addresses>;
}

export interface Queries {
  /** Never rejects. */
  addresses(name: string, type: 'A' | 'AAAA'): Promise<Family>;
  /** Rejects with a code. */
  services(name: string): Promise<ServiceAnswer>;
  close(): void;
}

/** The addresses of one family; if there are none, why. */
export interface Family extends Addresses {
  readonly none: string | null;
}

/** A server that was silent is asked after the others for this long; then one query tries it, which tries no other such server. */
const AVOID_MS = 10_000;
const WITH_TTL = { ttl: true } as const;

interface Server {
  readonly line: Line;
  isSilent: boolean;
  avoidUntil: number;
}

export function createQueries(
  resolver: Resolver,
  servers: readonly string[],
  now: () => number = () => performance.now(),
): Queries {
  const all = servers.map((server): Server => ({ line: openLine(server), isSilent: false, avoidUntil: -Infinity }));
  let closed = false;

  /** Null: ask in another way. */
  async function ask(name: string, type: QueryType): Promise<Records | 'ENOTFOUND' | 'ENODATA' | null> {
    if (closed) throw failure('ECANCELLED');
    for (const it of inOrder()) {
      if (it.isSilent) it.avoidUntil = now() + AVOID_MS;
      const answer = await it.line.ask(name, type);
      if (closed) throw failure('ECANCELLED');
      it.isSilent = answer === null;
      if (answer === 'unclear') return null;
      if (answer !== null && answer !== 'failed') return answer;
      if (it.isSilent) it.avoidUntil = now() + AVOID_MS;
    }
    return null;
  }

  function inOrder(): readonly Server[] {
    if (!all.some(({ isSilent }) => isSilent)) return all;
    const tried = all.find(({ isSilent, avoidUntil }) => isSilent && avoidUntil <= now());
    const isLater = (it: Server): number => Number(it.isSilent && it !== tried);
    return all.toSorted((a, b) => isLater(a) - isLater(b));
  }

  return {
    async addresses(name, type) {
      try {
        const answer = await ask(name, type);
        if (typeof answer === 'string') return noAddress(answer);
        if (answer !== null) return { ips: answer.ips, ttlSeconds: answer.ttlSeconds, none: null };
        const found = await (type === 'A' ? resolver.resolve4(name, WITH_TTL) : resolver.resolve6(name, WITH_TTL));
        const ips = found.map(({ address }) => address);
        return { ips, ttlSeconds: Math.min(...found.map(({ ttl }) => ttl)), none: ips.length === 0 ? 'ENODATA' : null };
      } catch (error) {
        return noAddress(codeOf(error));
      }
    },
    async services(name) {
      const answer = await ask(name, 'SRV');
      if (typeof answer === 'string') throw failure(answer);
      if (answer === null) return { records: await resolver.resolveSrv(name), ttlMs: Infinity };
      const { services: records, ttlSeconds, along } = answer;
      return { records, ttlMs: ttlSeconds * 1000, along };
    },
    close() {
      closed = true;
      resolver.cancel();
      for (const { line } of all) line.close();
    },
  };
}

function noAddress(why: string): Family {
  return { ips: [], ttlSeconds: Infinity, none: why };
}

export function failure(code: string): Error {
  return Object.assign(new Error('no answer'), { code });
}

/** Why a lookup failed. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EUNKNOWN';
}
