// What names resolve to, passed to the successor at an upgrade, so that it has answers even if no name server replies.

import { fieldsOf } from '../../../fields.ts';
import { isIP } from 'node:net';

import { MAX_WEIGHT, PORT } from '../../../../config/backend-schema.ts';
import { MAX_BACKENDS } from '../../../../config/schema.ts';
import { RANKS } from '../../../ipc/snapshot.ts';
import { fromMachine, toMachine } from '../../../machine-clock.ts';
import type { Found } from './expand.ts';
import { hostname } from './expand.ts';

export interface KnownName {
  readonly key: string;
  readonly found: readonly Found[];
  /** Monotonic. */
  readonly answeredAt: number;
}

/** Converts times to the clock that all processes share. */
export function encodeNames(names: readonly KnownName[]): readonly KnownName[] {
  return names.map(({ key, found, answeredAt }) => ({
    key,
    // Older programs read `backup` instead of `rank`.
    found: found.map((it) => ({ ...it, backup: it.rank > 0 })),
    answeredAt: toMachine(answeredAt),
  }));
}

/** By key. Validates names that come from another process, and drops invalid ones. */
export function decodeNames(names: unknown): ReadonlyMap<string, KnownName> {
  const known = new Map<string, KnownName>();
  if (!Array.isArray(names)) return known;
  for (const name of names.slice(0, MAX_BACKENDS)) {
    const { key, found, answeredAt } = fieldsOf(name);
    if (typeof key !== 'string' || !Array.isArray(found) || !isFinite(answeredAt)) continue;
    const some = found.map(foundIn);
    const sound = some.filter((it) => it !== null);
    if (sound.length === some.length) known.set(key, { key, found: sound, answeredAt: fromMachine(answeredAt) });
  }
  return known;
}

/** Null if it is none. */
function foundIn(value: unknown): Found | null {
  const { ip, name, port, weight, backup, rank } = fieldsOf(value);
  if (typeof ip !== 'string' || isIP(ip) === 0 || typeof backup !== 'boolean') return null;
  // An SRV record may have port 0, which expand() leaves out.
  if (!isIn(port, 0, PORT.maximum) || !isIn(weight, 0, MAX_WEIGHT)) return null;
  // Older programs do not send name and rank.
  return { ip, name: hostname(name), port, weight, rank: isIn(rank, 0, RANKS - 1) ? (rank ?? 0) : Number(backup) };
}

function isIn(value: unknown, least: number, most: number): value is number | null {
  return value === null || (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most);
}

function isFinite(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
