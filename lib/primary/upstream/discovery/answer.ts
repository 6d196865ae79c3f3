// One answer for a name: its addresses, or its SRV records with the addresses of their targets.

import type { Discover } from '../../../../config/plan.ts';
import type { Found } from './expand.ts';
import { addressesFound, servicesFound } from './expand.ts';
import { failure } from './query/queries.ts';
import type { Resolver } from './resolver.ts';
import type { ServiceRecord } from './query/wire.ts';

export interface Answer {
  /** The one before, if it is the same. */
  readonly found: readonly Found[];
  /** The age of the answer. */
  readonly ageMs: number;
  /** The ms until the name should be asked for again. */
  readonly leftMs: number | Promise<number>;
}

export type Asked = Pick<Resolver, 'fresh' | 'known' | 'lifeLeft' | 'services'>;

export interface Wanted {
  /** The maximum age of a cached answer. */
  readonly maxAgeMs: number;
  /** An answer lives no longer than this. */
  readonly longestMs: number;
  /** The last answer. */
  readonly before: readonly Found[] | null;
}

/** The maximum number of targets resolved per answer. */
const MAX_RECORDS = 1024;

/** Rejects with a code. */
export function answerOf(discover: Discover, name: string, resolver: Asked, wanted: Wanted): Promise<Answer> {
  return discover === 'srv' ? services(name, resolver, wanted) : addresses(name, resolver, wanted);
}

async function addresses(name: string, resolver: Asked, { maxAgeMs, longestMs, before }: Wanted): Promise<Answer> {
  const resolution = await resolver.fresh(name, maxAgeMs);
  if (!resolution.ok) throw failure(resolution.code);
  const { ips, ageMs } = resolution;
  const found = madeOf({ records: [], ips: [ips] }, before, () => addressesFound(ips));
  return { found, ageMs, leftMs: resolver.lifeLeft(name, longestMs) };
}

async function services(name: string, resolver: Asked, { maxAgeMs, longestMs, before }: Wanted): Promise<Answer> {
  const { records, ttlMs, along } = await resolver.services(name);
  const some = records.filter((it) => it.name !== '' && it.name !== '.').slice(0, MAX_RECORDS);
  const ipsOf = new Map<string, readonly string[]>();
  /** Targets to look up. */
  const open: string[] = [];
  let leftMs = Math.min(longestMs, ttlMs);
  for (const { name: target } of some) {
    if (ipsOf.has(target)) continue;
    const known = resolver.known(target, maxAgeMs, along?.get(target.toLowerCase()));
    ipsOf.set(target, known?.ips ?? []);
    if (known === null) open.push(target);
    else leftMs = Math.min(leftMs, known.lifeMs, longestMs - known.ageMs);
  }
  let code: string | null = null;
  if (open.length > 0) {
    const resolved = await Promise.all(open.map((target) => resolver.fresh(target, maxAgeMs)));
    for (const [i, it] of resolved.entries()) {
      ipsOf.set(open[i] ?? '', it.ips);
      if (!it.ok) code ??= it.code;
    }
  }
  const ips = some.map((it) => ipsOf.get(it.name) ?? []);
  const found = madeOf({ records: some, ips }, before, () =>
    servicesFound(some.map((it, i) => ({ ...it, ips: ips[i] ?? [] }))),
  );
  if (found.length === 0) throw failure(code ?? 'ENODATA');
  if (open.length === 0) return { found, ageMs: 0, leftMs };
  const lives = Promise.all(open.map((target) => resolver.lifeLeft(target, longestMs)));
  return { found, ageMs: 0, leftMs: lives.then((all) => Math.min(leftMs, ...all)) };
}

/** What an answer is made of: its SRV records, and the addresses of each. */
interface Source {
  readonly records: readonly ServiceRecord[];
  readonly ips: readonly (readonly string[])[];
}

const sources = new WeakMap<readonly Found[], Source>();

/** The answer before if it was made of the same, which costs less than to make it again. */
function madeOf(source: Source, before: readonly Found[] | null, make: () => readonly Found[]): readonly Found[] {
  const last = before === null ? undefined : sources.get(before);
  if (before !== null && last !== undefined && isSame(last, source)) return before;
  const found = make();
  sources.set(found, source);
  return found;
}

function isSame({ records, ips }: Source, { records: others, ips: theirs }: Source): boolean {
  if (records.length !== others.length || ips.length !== theirs.length) return false;
  for (let i = 0; i < ips.length; i++) if (ips[i] !== theirs[i]) return false;
  return records.every((one, i) => {
    const other = others[i];
    return (
      one.name === other?.name &&
      one.port === other.port &&
      one.weight === other.weight &&
      one.priority === other.priority
    );
  });
}
