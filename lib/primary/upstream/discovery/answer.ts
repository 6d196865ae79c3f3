// One answer for a name: its addresses, or its SRV records with the addresses of their targets.

import type { Discover } from '../../../../config/plan.ts';
import type { Found } from './expand.ts';
import { addressesFound, servicesFound } from './expand.ts';
import type { Resolver } from './resolver.ts';

export interface Answer {
  readonly found: readonly Found[];
  /** The age of the answer. */
  readonly ageMs: number;
  /** Resolves with the ms until the name should be asked for again. */
  readonly leftMs: Promise<number>;
}

export type Asked = Pick<Resolver, 'fresh' | 'lifeLeft' | 'services'>;

/** The maximum number of targets resolved per answer. */
const MAX_RECORDS = 1024;

/** Rejects with a code. Accepts a cached answer up to `maxAgeMs` old; an answer lives `longestMs` at most. */
export function answerOf(
  discover: Discover,
  name: string,
  resolver: Asked,
  { maxAgeMs, longestMs }: { readonly maxAgeMs: number; readonly longestMs: number },
): Promise<Answer> {
  return discover === 'srv' ? services() : addresses();

  async function addresses(): Promise<Answer> {
    const resolution = await resolver.fresh(name, maxAgeMs);
    if (!resolution.ok) throw failure(resolution.code);
    const { ips, ageMs } = resolution;
    return { found: addressesFound(ips), ageMs, leftMs: resolver.lifeLeft(name, longestMs) };
  }

  async function services(): Promise<Answer> {
    const { records, ttlMs } = await resolver.services(name);
    const some = records.filter((it) => it.name !== '' && it.name !== '.').slice(0, MAX_RECORDS);
    const targets = [...new Set(some.map((it) => it.name))];
    const resolved = await Promise.all(targets.map((target) => resolver.fresh(target, maxAgeMs)));
    const ips = new Map(targets.map((target, i) => [target, resolved[i]?.ips ?? []]));
    const found = servicesFound(some.map((it) => ({ ...it, ips: ips.get(it.name) ?? [] })));
    if (found.length === 0) throw failure(resolved.find((it) => !it.ok)?.code ?? 'ENODATA');
    const lives = Promise.all(targets.map((target) => resolver.lifeLeft(target, longestMs)));
    return { found, ageMs: 0, leftMs: lives.then((all) => Math.min(longestMs, ttlMs, ...all)) };
  }
}

function failure(code: string): Error {
  return Object.assign(new Error('no answer'), { code });
}
