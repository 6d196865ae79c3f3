// What the primary holds to be true about one backend: health, cool-down, evidence. Pure: probes, workers' reports and
// DNS come in as events. pool.ts keeps the backends of a service together.

import { isIP } from 'node:net';
import type { BackendPlan, Runtime } from '../../config/plan.ts';
import { backoff } from '../backoff.ts';
import type { BackendStateName } from '../control/protocol.ts';
import type { ConnectFailure } from '../ipc/messages.ts';
import { unreachable } from '../unreachable.ts';

/** Why a check or a connect failed. */
export type Cause = ConnectFailure | 'dns';
export type Health = 'unknown' | 'up' | 'down';
export type PoolSettings = Pick<Runtime, 'fall' | 'rise' | 'cooldownMs' | 'backoffInitialMs' | 'backoffMaxMs'>;

/** Equal results in a row, folded into one: what `why` shows. `wall` times are ms since 1970, for display only. */
export interface Evidence {
  readonly source: 'check' | 'connect';
  /** null: it worked. */
  readonly cause: Cause | null;
  readonly count: number;
  readonly firstWall: number;
  readonly lastWall: number;
  /** Monotonic time of the last one. */
  readonly at: number;
}

export interface Backend {
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** The last good answer of the resolver; kept when the name stops resolving. */
  readonly ips: readonly string[];
  /** Where clients are sent: the address that answered the last check, else the first; null before the name resolved. */
  readonly ip: string | null;
  readonly health: Health;
  /** Gone from the configuration; shown until the workers that still use it are gone. */
  readonly draining: boolean;
  readonly passes: number;
  readonly fails: number;
  readonly lastCheck: { readonly at: number; readonly wall: number } | null;
  /** Monotonic; no cool-down when it is past. */
  readonly cooldownUntil: number;
  /** Cool-downs in a row without a passed check between them. */
  readonly connectFailures: number;
  /** Failed checks and connects since start. */
  readonly counters: { readonly timeout: number; readonly refused: number; readonly other: number };
  /** Oldest first, bounded. */
  readonly evidence: readonly Evidence[];
}

/** `wall` is Date.now() when it happened. */
export type BackendEvent =
  | { readonly kind: 'passed'; readonly backend: number; readonly ip: string; readonly wall: number }
  | { readonly kind: 'failed'; readonly backend: number; readonly cause: Cause; readonly wall: number }
  /** A worker's report: `count` failures of one cause at about the same instant. */
  | {
      readonly kind: 'connect_failed';
      readonly backend: number;
      readonly cause: ConnectFailure;
      readonly count: number;
      readonly guarded: boolean;
      readonly wall: number;
    }
  | { readonly kind: 'resolved'; readonly backend: number; readonly ips: readonly string[]; readonly wall: number }
  | { readonly kind: 'resolve_failed'; readonly backend: number; readonly wall: number };

const EVIDENCE_KEPT = 8;

/** What is left of the cool-down, 0 without one. */
export function cooldownLeft(backend: Backend, now: number): number {
  return Math.max(0, backend.cooldownUntil - now);
}

/** Something has failed since the last passed check. */
export function isDoubted({ fails, connectFailures }: Backend): boolean {
  return fails > 0 || connectFailures > 0;
}

/** The state as `status` names it. */
export function stateOf(backend: Backend): BackendStateName {
  return backend.draining ? 'draining' : backend.health;
}

/** A backend that nobody has checked yet. */
export function newBackend({ address, host, port }: BackendPlan): Backend {
  const ips = isIP(host) === 0 ? [] : [host];
  return {
    address,
    host,
    port,
    ips,
    ip: ips[0] ?? null,
    health: 'unknown',
    draining: false,
    passes: 0,
    fails: 0,
    lastCheck: null,
    cooldownUntil: -Infinity,
    connectFailures: 0,
    counters: { timeout: 0, refused: 0, other: 0 },
    evidence: [],
  };
}

/** One event's effect on the backend it names; the same object when nothing changed. */
export function next(backend: Backend, event: BackendEvent, settings: PoolSettings, now: number): Backend {
  switch (event.kind) {
    case 'passed':
      return passed(backend, event.ip, event.wall, settings, now);
    case 'failed':
      return failed(backend, event.cause, event.wall, settings, now);
    case 'resolve_failed':
      return failed(backend, 'dns', event.wall, settings, now);
    case 'resolved':
      if (event.ips.length === 0) return failed(backend, 'dns', event.wall, settings, now);
      return resolved(backend, event.ips);
    case 'connect_failed':
      return connectFailed(backend, event, settings, now);
    default:
      return unreachable(event);
  }
}

function passed(backend: Backend, ip: string, wall: number, { rise }: PoolSettings, now: number): Backend {
  const passes = backend.passes + 1;
  const first = backend.lastCheck === null;
  return {
    ...backend,
    ip,
    health: first || backend.health === 'up' || passes >= rise ? 'up' : backend.health,
    passes,
    fails: 0,
    lastCheck: { at: now, wall },
    cooldownUntil: -Infinity,
    connectFailures: 0,
    evidence: remember(backend.evidence, 'check', null, 1, wall, now),
  };
}

function failed(backend: Backend, cause: Cause, wall: number, { fall }: PoolSettings, now: number): Backend {
  if (cause === 'local') return backend;
  const fails = backend.fails + 1;
  const first = backend.lastCheck === null;
  return {
    ...backend,
    health: first || fails >= fall ? 'down' : backend.health,
    passes: 0,
    fails,
    lastCheck: { at: now, wall },
    counters: count(backend.counters, cause, 1),
    evidence: remember(backend.evidence, 'check', cause, 1, wall, now),
  };
}

function connectFailed(
  backend: Backend,
  { cause, count: times, guarded, wall }: Extract<BackendEvent, { kind: 'connect_failed' }>,
  settings: PoolSettings,
  now: number,
): Backend {
  if (cause === 'local' || !(times >= 1)) return backend;
  // `other` says that we do not know what went wrong, so only a check may take the backend down for it.
  const fails = cause === 'other' ? backend.fails : backend.fails + 1;
  // A failure while cooling was begun before, or by another worker: it belongs to the same outage and does not lengthen it.
  const cooling = now < backend.cooldownUntil;
  const connectFailures = cooling ? backend.connectFailures : backend.connectFailures + 1;
  const { cooldownMs, backoffInitialMs, backoffMaxMs } = settings;
  const pause = Math.max(cooldownMs, backoff(backoffInitialMs, backoffMaxMs, connectFailures)) * (guarded ? 2 : 1);
  return {
    ...backend,
    health: fails >= settings.fall ? 'down' : backend.health,
    passes: cause === 'other' ? backend.passes : 0,
    fails,
    cooldownUntil: cooling ? backend.cooldownUntil : now + pause,
    connectFailures,
    counters: count(backend.counters, cause, times),
    evidence: remember(backend.evidence, 'connect', cause, times, wall, now),
  };
}

function resolved(backend: Backend, ips: readonly string[]): Backend {
  const same = ips.length === backend.ips.length && ips.every((ip, i) => ip === backend.ips[i]);
  if (same) return backend;
  const ip = backend.ip !== null && ips.includes(backend.ip) ? backend.ip : (ips[0] ?? null);
  return { ...backend, ips, ip };
}

function count(counters: Backend['counters'], cause: Cause, times: number): Backend['counters'] {
  const key = cause === 'timeout' || cause === 'refused' ? cause : 'other';
  return { ...counters, [key]: counters[key] + times };
}

function remember(
  evidence: readonly Evidence[],
  source: Evidence['source'],
  cause: Cause | null,
  times: number,
  wall: number,
  now: number,
): readonly Evidence[] {
  const last = evidence.at(-1);
  if (last !== undefined && last.source === source && last.cause === cause) {
    return [...evidence.slice(0, -1), { ...last, count: last.count + times, lastWall: wall, at: now }];
  }
  const latest = { source, cause, count: times, firstWall: wall, lastWall: wall, at: now };
  return [...evidence.slice(-(EVIDENCE_KEPT - 1)), latest];
}
