// What the primary holds to be true about one backend: health, cool-down, evidence. Pure: probes, workers' reports and
// DNS come in as events. pool.ts keeps the backends of a service together.
//
// Evidence has a time: when its attempt began. Reports are coalesced, checks take as long as they take, so what is heard
// later may be older. A failure counts only if it began after the latest attempt that succeeded had begun, and a success proves
// nothing against a failure that began later. So it does not matter in which order the two are heard.
//
// Checks and clients' connects prove the same where a check is a connect to the same port. Where it asks for more, a connect
// refutes no failed check; where it looks at another port, a passed check refutes no failed connect either.

import { isLiteral } from '../../../config/unix.ts';
import { checkStandsForConnect, connectStandsForCheck } from '../../../config/health-check.ts';
import type { BackendPlan, Runtime, ServicePlan } from '../../../config/plan.ts';
import type { BackendStateName } from '../../control/protocol.ts';
import { unreachable } from '../../unreachable.ts';
import type { BackendEvent } from './backend-event.ts';
import { connected, connectFailed, countFailure, reached } from './connects.ts';
import type { Early } from './early.ts';
import { failedEarly, NOT_EARLY } from './early.ts';
import type { Evidence, Standing } from './health/evidence.ts';
import { remember } from './health/evidence.ts';

export type { Cause, Evidence } from './health/evidence.ts';

export type Health = 'unknown' | 'up' | 'down';

export interface PoolSettings extends Pick<
  Runtime,
  'fall' | 'rise' | 'cooldownMs' | 'backoffInitialMs' | 'backoffMaxMs' | 'healthUpIntervalMs' | 'slowStartMs'
> {
  /** False: nobody asks the backends. One counts as reachable until clients' connects fail, and when it is down clients try it again after each cool-down. */
  readonly isChecked: boolean;
  /** A client's connect counts as a passed check. False: the check asks for more, or looks at another port. */
  readonly connectStandsForCheck: boolean;
  /** A passed check says that clients can connect. False: it looks at another port. */
  readonly checkStandsForConnect: boolean;
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
  /** Monotonic: when the latest attempt began that says that clients can connect: theirs, or a check's. */
  readonly connectedAt: number;
  /**
   * Monotonic: when the latest of clients' attempts began that failed, also where that was overtaken; and when an attempt began
   * that refutes it, because it was later and succeeded. Workers leave a backend alone that failed them, until they are told.
   */
  readonly contestedAt: number;
  readonly provenAt: number;
  /** Monotonic: when it came up or got its weight while the service ran; -Infinity: it has been there from the start. */
  readonly cameUpAt: number;
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

export function settingsOf({ method, runtime, healthCheck }: ServicePlan): PoolSettings {
  const isChecked = healthCheck.type !== 'none';
  return {
    ...runtime,
    // Where the client's address decides, another weight would move clients of other backends.
    slowStartMs: method === 'source_hash' ? 0 : runtime.slowStartMs,
    isChecked,
    connectStandsForCheck: connectStandsForCheck(healthCheck),
    checkStandsForConnect: checkStandsForConnect(healthCheck),
  };
}

/** What is left of the cool-down, 0 without one. */
export function cooldownLeft(backend: Backend, now: number): number {
  return Math.max(0, leftAloneUntil(backend) - now);
}

/** Monotonic; it is not cooling down when that is past. */
export function leftAloneUntil({ cooldownUntil, early }: Backend): number {
  return Math.max(cooldownUntil, early.until);
}

export function standingOf(
  { health, fails, connectFailures }: Backend,
  { checkStandsForConnect }: Pick<PoolSettings, 'checkStandsForConnect'>,
): Standing {
  if (health !== 'up') return 'not_up';
  // Checks of another port cannot dispel that doubt, however many there are.
  const isDoubted = checkStandsForConnect && connectFailures > 0;
  return fails === 0 && !isDoubted ? 'steady' : 'in_doubt';
}

/** A client's connect that succeeds says nothing new of it. */
export function isUndoubted(backend: Backend, settings: PoolSettings): boolean {
  if (backend.connectFailures > 0) return false;
  return !settings.connectStandsForCheck || standingOf(backend, settings) === 'steady';
}

/** Clients are expected to reach it. */
export function isReachable({ health, ip }: Backend, { isChecked }: PoolSettings): boolean {
  return health === 'up' || (!isChecked && health === 'unknown' && ip !== null);
}

/** The state as `status` names it. */
export function stateOf(backend: Backend): BackendStateName {
  return backend.draining ? 'draining' : backend.health;
}

/** A backend that nobody has checked yet. */
export function newBackend(plan: BackendPlan): Backend {
  const ips = isLiteral(plan.host) ? [plan.host] : [];
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
    connectedAt: -Infinity,
    contestedAt: -Infinity,
    provenAt: -Infinity,
    cameUpAt: -Infinity,
    cooldownUntil: -Infinity,
    early: NOT_EARLY,
    connectFailures: 0,
    counters: { timeout: 0, refused: 0, other: 0 },
    evidence: [],
  };
}

/** One event's effect on the backend it names; the same object when nothing changed. */
export function next(backend: Backend, event: BackendEvent, settings: PoolSettings, now: number): Backend {
  const after = effect(backend, event, settings, now);
  return backend.health === 'down' && after.health === 'up' ? { ...after, cameUpAt: now } : after;
}

function effect(backend: Backend, event: BackendEvent, settings: PoolSettings, now: number): Backend {
  switch (event.kind) {
    case 'passed':
      return event.source === 'connect' && !settings.connectStandsForCheck
        ? reached(backend, event.began)
        : passed(backend, event, settings, now);
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
  { rise, checkStandsForConnect }: PoolSettings,
  now: number,
): Backend {
  if (began <= backend.passedAt) return backend;
  const proves = source === 'connect' || checkStandsForConnect;
  const { connectedAt, contestedAt, provenAt } = proves ? connected(backend, began) : backend;
  const updated = {
    ...backend,
    connectedAt,
    contestedAt,
    provenAt,
    passedAt: began,
    ip: ip ?? backend.ip,
    lastCheck: { at: now, wall },
    evidence: remember(backend.evidence, source, null, null, 1, wall, now),
  };
  if (began < backend.failedAt) return { ...updated, health: backend.health === 'unknown' ? 'up' : backend.health };
  const passes = backend.passes + 1;
  const first = backend.lastCheck === null;
  return {
    ...updated,
    health: first || backend.health === 'up' || passes >= rise ? 'up' : backend.health,
    passes,
    fails: 0,
    cooldownUntil: proves ? -Infinity : updated.cooldownUntil,
    connectFailures: proves ? 0 : updated.connectFailures,
  };
}

function failed(
  backend: Backend,
  { cause, fact, began, wall }: Omit<Extract<BackendEvent, { kind: 'failed' }>, 'kind' | 'backend'>,
  { fall }: PoolSettings,
  now: number,
): Backend {
  if (cause === 'local') return backend;
  const counters = countFailure(backend.counters, cause, 1);
  if (began <= backend.passedAt) return { ...backend, counters };
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
    evidence: remember(backend.evidence, 'check', cause, fact, 1, wall, now),
  };
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
