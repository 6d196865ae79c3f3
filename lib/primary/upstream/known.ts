// What is known of the backends, passed to the successor at an upgrade, so that it need not find out again. Times are on the
// machine's clock, which all processes share.

import { isIP } from 'node:net';

import { fieldsOf } from '../../fields.ts';
import type { ServicePlan } from '../../../config/plan.ts';
import { fromMachine, toMachine } from '../../machine-clock.ts';
import type { Backend, Health, PoolSettings } from './backend.ts';
import { leftAloneUntil, newBackend, settingsOf } from './backend.ts';
import type { Pool } from './pool.ts';
import { poolOf } from './pool.ts';
import type { Protection } from './protection.ts';
import { createProtection } from './protection.ts';

interface KnownBackend {
  readonly address: string;
  readonly health: Health;
  readonly ips: readonly string[];
  readonly ip: string | null;
  readonly passes: number;
  readonly fails: number;
  readonly checked: { readonly at: number; readonly wall: number } | null;
  /** Null if it was there from the start. */
  readonly cameUpAt: number | null;
  /** Null if it is in use. */
  readonly leftAloneUntil: number | null;
  readonly connectFailures: number;
  readonly counters: Backend['counters'];
}

export interface KnownService {
  readonly name: string;
  /** Null if the service is not in protection mode. */
  readonly guarded: { readonly since: number; readonly wall: number; readonly reason: string } | null;
  readonly backends: readonly KnownBackend[];
}

export function knownOf(name: string, { backends }: Pool, { mode }: Protection, now: number): KnownService {
  const guarded =
    mode.kind === 'guarded' ? { since: toMachine(mode.since), wall: mode.sinceWall, reason: mode.reason } : null;
  return { name, guarded, backends: backends.filter((it) => !it.draining).map((it) => knownBackend(it, now)) };
}

function knownBackend(backend: Backend, now: number): KnownBackend {
  const { address, health, ips, ip, passes, fails, lastCheck, cameUpAt, connectFailures, counters } = backend;
  const until = leftAloneUntil(backend);
  return {
    address,
    health,
    ips,
    ip,
    passes,
    fails,
    connectFailures,
    counters,
    checked: lastCheck === null ? null : { at: toMachine(lastCheck.at), wall: lastCheck.wall },
    cameUpAt: Number.isFinite(cameUpAt) ? toMachine(cameUpAt) : null,
    leftAloneUntil: until > now ? toMachine(until) : null,
  };
}

/** Fills a new backend in with `known`, which comes from another process and is validated here. */
function informed(backend: Backend, known: unknown, settings: PoolSettings): Backend {
  const fields = fieldsOf(known);
  const { health, passes, fails, connectFailures } = fields;
  if (health !== 'up' && health !== 'down') return backend;
  const ips = Array.isArray(fields['ips'])
    ? fields['ips'].filter((ip) => typeof ip === 'string' && isIP(ip) !== 0)
    : [];
  const ip = ips.find((it) => it === fields['ip']) ?? ips[0] ?? backend.ip;
  const { at, wall } = fieldsOf(fields['checked']);
  const checkedAt = timeOf(at);
  const until = timeOf(fields['leftAloneUntil'], longestPause(settings));
  const counters = fieldsOf(fields['counters']);
  return {
    ...backend,
    health,
    ...(ips.length === 0 || backend.ips.length > 0 ? {} : { ips, ip }),
    passes: countOf(passes),
    fails: countOf(fails),
    connectFailures: countOf(connectFailures),
    lastCheck: checkedAt !== null && isWall(wall) ? { at: checkedAt, wall } : null,
    cameUpAt: timeOf(fields['cameUpAt']) ?? backend.cameUpAt,
    cooldownUntil: until ?? backend.cooldownUntil,
    counters: {
      timeout: countOf(counters['timeout']),
      refused: countOf(counters['refused']),
      other: countOf(counters['other']),
    },
  };
}

/** The first state of a service, filled in with `known`, which comes from another process. */
export function beginning(plan: ServicePlan, known: unknown): { readonly pool: Pool; readonly protection: Protection } {
  const settings = settingsOf(plan);
  const backends = byName(fieldsOf(known)['backends'], 'address');
  return {
    pool: poolOf(
      settings,
      plan.backends.map((backend) => informed(newBackend(backend), backends.get(backend.address), settings)),
    ),
    protection: guardedAs(createProtection(plan.runtime), known),
  };
}

function guardedAs(protection: Protection, known: unknown): Protection {
  const { since, wall, reason } = fieldsOf(fieldsOf(known)['guarded']);
  const from = timeOf(since);
  if (from === null || !isWall(wall) || typeof reason !== 'string') return protection;
  return { ...protection, mode: { kind: 'guarded', since: from, sinceWall: wall, reason, run: 0 } };
}

/** Indexes a list by name or address. */
export function byName(list: unknown, key: 'name' | 'address'): ReadonlyMap<string, unknown> {
  const all = Array.isArray(list) ? list.map((it: unknown) => [fieldsOf(it)[key], it] as const) : [];
  return new Map(all.flatMap(([name, it]) => (typeof name === 'string' ? [[name, it] as const] : [])));
}

/**
 * Converts from the machine's clock to this process's. A time that is farther ahead than it can be is taken for the latest
 * possible one: what is reckoned from it would be negative, or last for ever.
 */
function timeOf(value: unknown, aheadMs = 0): number | null {
  if (typeof value !== 'number' || !Number.isFinite(value)) return null;
  return Math.min(fromMachine(value), performance.now() + aheadMs);
}

/** A pause is twice as long in protection mode. */
function longestPause({ cooldownMs, backoffMaxMs }: PoolSettings): number {
  return 2 * Math.max(cooldownMs, backoffMaxMs);
}

/** Whether it is a time that can be shown. */
function isWall(value: unknown): value is number {
  return typeof value === 'number' && !Number.isNaN(new Date(value).getTime());
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
