// What the primary holds to be true about one backend: health, cool-down, evidence. Pure: probes, workers' reports and
// DNS come in as events. pool.ts keeps the backends of a service together.
//
// Evidence has a time: when its attempt began. Reports are coalesced, checks take as long as they take, so what is heard
// later may be older. A failure counts only if it began after the latest attempt that succeeded had begun, and a success proves
// nothing against a failure that began later. So it does not matter in which order the two are heard.

import { isIP } from 'node:net';
import type { BackendPlan, Runtime } from '../../../config/plan.ts';
import { backoff } from '../../backoff.ts';
import type { BackendStateName } from '../../control/protocol.ts';
import { unreachable } from '../../unreachable.ts';
import type { BackendEvent } from './backend-event.ts';
import type { Early } from './early.ts';
import { failedEarly, NOT_EARLY } from './early.ts';
import type { Cause, Evidence, Standing } from './health/evidence.ts';
import { remember } from './health/evidence.ts';

export type { Cause, Evidence } from './health/evidence.ts';

export type Health = 'unknown' | 'up' | 'down';

export interface PoolSettings extends Pick<
  Runtime,
  'fall' | 'rise' | 'cooldownMs' | 'backoffInitialMs' | 'backoffMaxMs' | 'healthUpIntervalMs'
> {
  /** False: nobody asks the backends. One counts as reachable until clients' connects fail, and when it is down clients try it again after each cool-down. */
  readonly isChecked: boolean;
}

export interface Backend extends BackendPlan {
  /** The last good answer of the resolver; kept when the name stops resolving. */
  readonly ips: readonly string[];
  /** Where clients are sent: the address that answered the last check, else the first; null before the name resolved. */
  readonly ip: string | null;
  readonly health: Health;
  /** Gone from the configuration; shown until the workers that still use it are gone. */
  readonly draining: boolean;
  readonly passes: number;
  readonly fails: number;
  /** A check, or a client's connect that stands for one. */
  readonly lastCheck: { readonly at: number; readonly wall: number } | null;
  /** Monotonic: when the latest attempt began that succeeded, and that failed; -Infinity: none. */
  readonly passedAt: number;
  readonly failedAt: number;
  /**
   * Monotonic: when the latest of clients' attempts began that failed, also where that was overtaken; and when an attempt began
   * that refutes it, because it was later and succeeded. Workers leave a backend alone that failed them, until they are told.
   */
  readonly contestedAt: number;
  readonly provenAt: number;
  /** Monotonic; no cool-down when it is past. */
  readonly cooldownUntil: number;
  readonly early: Early;
  /** Cool-downs in a row without a passed check between them. */
  readonly connectFailures: number;
  /** Failed checks and connects since start. */
  readonly counters: { readonly timeout: number; readonly refused: number; readonly other: number };
  /** Oldest first, bounded. */
  readonly evidence: readonly Evidence[];
}

/** What is left of the cool-down, 0 without one. */
export function cooldownLeft(backend: Backend, now: number): number {
  return Math.max(0, leftAloneUntil(backend) - now);
}

/** Monotonic; it is not cooling down when that is past. */
export function leftAloneUntil({ cooldownUntil, early }: Backend): number {
  return Math.max(cooldownUntil, early.until);
}

export function standingOf({ health, fails, connectFailures }: Backend): Standing {
  if (health !== 'up') return 'not_up';
  return fails === 0 && connectFailures === 0 ? 'steady' : 'in_doubt';
}

/** Clients are expected to reach it. */
export function isReachable({ health, ip }: Backend, { isChecked }: PoolSettings): boolean {
  return health === 'up' || (!isChecked && health === 'unknown' && ip !== null);
}

/** A failure that began then says nothing any more: an attempt that began later has succeeded. */
export function isOvertaken({ passedAt }: Backend, began: number): boolean {
  return began <= passedAt;
}

/** The state as `status` names it. */
export function stateOf(backend: Backend): BackendStateName {
  return backend.draining ? 'draining' : backend.health;
}

/** A backend that nobody has checked yet. */
export function newBackend(plan: BackendPlan): Backend {
  const ips = isIP(plan.host) === 0 ? [] : [plan.host];
  return {
    ...plan,
    ips,
    ip: ips[0] ?? null,
    health: 'unknown',
    draining: false,
    passes: 0,
    fails: 0,
    lastCheck: null,
    passedAt: -Infinity,
    failedAt: -Infinity,
    contestedAt: -Infinity,
    provenAt: -Infinity,
    cooldownUntil: -Infinity,
    early: NOT_EARLY,
    connectFailures: 0,
    counters: { timeout: 0, refused: 0, other: 0 },
    evidence: [],
  };
}

/** One event's effect on the backend it names; the same object when nothing changed. */
export function next(backend: Backend, event: BackendEvent, settings: PoolSettings, now: number): Backend {
  switch (event.kind) {
    case 'passed':
      return passed(backend, event, settings, now);
    case 'failed':
      return failed(backend, event, settings, now);
    case 'resolved':
      return resolved(backend, event.ips, settings);
    case 'connect_failed':
      return connectFailed(backend, event, settings, now);
    case 'early_failures':
      return withEarly(backend, failedEarly(backend.early, event, settings, now));
    default:
      return unreachable(event);
  }
}

function withEarly(backend: Backend, early: Early): Backend {
  return early === backend.early ? backend : { ...backend, early };
}

function passed(
  backend: Backend,
  { source, ip, began, wall }: Pick<Extract<BackendEvent, { kind: 'passed' }>, 'source' | 'ip' | 'began' | 'wall'>,
  { rise }: PoolSettings,
  now: number,
): Backend {
  if (began <= backend.passedAt) return backend;
  const heard = {
    ...contest({ ...backend, passedAt: began }, backend.contestedAt),
    ip: ip ?? backend.ip,
    lastCheck: { at: now, wall },
    evidence: remember(backend.evidence, source, null, 1, wall, now),
  };
  if (began < backend.failedAt) return { ...heard, health: backend.health === 'unknown' ? 'up' : backend.health };
  const passes = backend.passes + 1;
  const first = backend.lastCheck === null;
  return {
    ...heard,
    health: first || backend.health === 'up' || passes >= rise ? 'up' : backend.health,
    passes,
    fails: 0,
    cooldownUntil: -Infinity,
    connectFailures: 0,
  };
}

function failed(
  backend: Backend,
  { cause, began, wall }: Pick<Extract<BackendEvent, { kind: 'failed' }>, 'cause' | 'began' | 'wall'>,
  { fall }: PoolSettings,
  now: number,
): Backend {
  if (cause === 'local') return backend;
  const counters = count(backend.counters, cause, 1);
  if (isOvertaken(backend, began)) return { ...backend, counters };
  const fails = backend.fails + 1;
  const first = backend.lastCheck === null;
  return {
    ...backend,
    health: first || fails >= fall ? 'down' : backend.health,
    passes: 0,
    fails,
    failedAt: Math.max(backend.failedAt, began),
    lastCheck: { at: now, wall },
    counters,
    evidence: remember(backend.evidence, 'check', cause, 1, wall, now),
  };
}

function connectFailed(
  backend: Backend,
  { cause, count: times, guarded, began, wall }: Extract<BackendEvent, { kind: 'connect_failed' }>,
  settings: PoolSettings,
  now: number,
): Backend {
  if (cause === 'local' || !(times >= 1)) return backend;
  const counters = count(backend.counters, cause, times);
  if (isOvertaken(backend, began)) return contest({ ...backend, counters }, began);
  // `other` says that we do not know what went wrong, so only a check may take the backend down for it.
  const fails = cause === 'other' ? backend.fails : backend.fails + 1;
  // A failure while cooling was begun before, or by another worker: it belongs to the same outage and does not lengthen it.
  const cooling = now < backend.cooldownUntil;
  const connectFailures = cooling ? backend.connectFailures : backend.connectFailures + 1;
  const { cooldownMs, backoffInitialMs, backoffMaxMs } = settings;
  const pause = Math.max(cooldownMs, backoff(backoffInitialMs, backoffMaxMs, connectFailures)) * (guarded ? 2 : 1);
  return {
    ...contest(backend, began),
    health: fails >= settings.fall ? 'down' : backend.health,
    passes: cause === 'other' ? backend.passes : 0,
    fails,
    cooldownUntil: cooling ? backend.cooldownUntil : now + pause,
    connectFailures,
    failedAt: Math.max(backend.failedAt, began),
    counters,
    evidence: remember(backend.evidence, 'connect', cause, times, wall, now),
  };
}

/** A client's attempt that began then has failed: is it refuted? */
function contest(backend: Backend, began: number): Backend {
  const contestedAt = Math.max(backend.contestedAt, began);
  const isRefuted = backend.provenAt < contestedAt && backend.passedAt >= contestedAt;
  return { ...backend, contestedAt, provenAt: isRefuted ? backend.passedAt : backend.provenAt };
}

function resolved(backend: Backend, ips: readonly string[], { isChecked }: PoolSettings): Backend {
  if (ips.length === 0) return backend;
  // Nobody will look whether it is there: clients may.
  const isNew = !isChecked && backend.ip === null;
  if (isNew) return { ...backend, ips, ip: ips[0] ?? null, health: 'unknown', fails: 0, lastCheck: null };
  const same = ips.length === backend.ips.length && ips.every((ip, i) => ip === backend.ips[i]);
  if (same) return backend;
  const ip = backend.ip !== null && ips.includes(backend.ip) ? backend.ip : (ips[0] ?? null);
  return { ...backend, ips, ip };
}

function count(counters: Backend['counters'], cause: Cause, times: number): Backend['counters'] {
  const key = cause === 'timeout' || cause === 'refused' ? cause : 'other';
  return { ...counters, [key]: counters[key] + times };
}
