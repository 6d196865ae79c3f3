// What the primary believes about one backend: health, cool-down, evidence. Pure: checks, workers' reports and DNS come in as
// events. pool.ts keeps the backends of a service together.
//
// Evidence has a time: when its attempt began. Reports are coalesced and checks take a while, so what arrives later may be older.
// A failure counts only if it began after the latest successful attempt began, and a success proves nothing against a failure
// that began later. So the order of arrival does not matter.
//
// If a check is a connect to the same port, checks and clients' connects prove the same. If a check asks for more, a connect does
// not refute a failed check. If it uses another port, a passed check does not refute a failed connect either.

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
  /**
   * False: there are no checks. The backend counts as reachable until clients' connects fail; while it is down, clients try it
   * after each cool-down.
   */
  readonly isChecked: boolean;
  /** A client's connect counts as a passed check. False if the check asks for more or uses another port. */
  readonly connectStandsForCheck: boolean;
  /** A passed check means that clients can connect. False if it uses another port. */
  readonly checkStandsForConnect: boolean;
}

export interface Backend extends BackendPlan {
  /** The last good answer of the resolver; kept when the name stops resolving. */
  readonly ips: readonly string[];
  /** Where clients are sent: the address that passed the last check, else the first one; null before the name has resolved. */
  readonly ip: string | null;
  readonly health: Health;
  /** Removed from the configuration; shown until no worker uses it. */
  readonly draining: boolean;
  readonly passes: number;
  readonly fails: number;
  /** A check, or a client's connect that counts as one. */
  readonly lastCheck: { readonly at: number; readonly wall: number } | null;
  /** Monotonic: when the latest attempt that succeeded, and that failed, began; -Infinity if none. */
  readonly passedAt: number;
  readonly failedAt: number;
  /** Monotonic: when the latest attempt began that proves that clients can connect, theirs or a check's. */
  readonly connectedAt: number;
  /**
   * Monotonic. `contestedAt`: when the latest failed client attempt began, even if overtaken. `provenAt`: when an attempt began
   * that refutes it, because it was later and succeeded. A worker leaves a backend that failed it alone until it learns of the
   * refutation.
   */
  readonly contestedAt: number;
  readonly provenAt: number;
  /** Monotonic: when it came up or got its weight while the service ran; -Infinity if it was there from the start. */
  readonly cameUpAt: number;
  /** Monotonic; there is no cool-down once it is past. */
  readonly cooldownUntil: number;
  readonly early: Early;
  /** Consecutive cool-downs without a passed check in between. */
  readonly connectFailures: number;
  /** Failed checks and connects since the start. */
  readonly counters: { readonly timeout: number; readonly refused: number; readonly other: number };
  /** Oldest first, bounded. */
  readonly evidence: readonly Evidence[];
}

export function settingsOf({ method, runtime, healthCheck }: ServicePlan): PoolSettings {
  const isChecked = healthCheck.type !== 'none';
  return {
    ...runtime,
    // With source_hash, a different weight would move the clients of other backends.
    slowStartMs: method === 'source_hash' ? 0 : runtime.slowStartMs,
    isChecked,
    connectStandsForCheck: connectStandsForCheck(healthCheck),
    checkStandsForConnect: checkStandsForConnect(healthCheck),
  };
}

/** What is left of the cool-down; 0 without one. */
export function cooldownLeft(backend: Backend, now: number): number {
  return Math.max(0, leftAloneUntil(backend) - now);
}

/** Monotonic; not cooling down once it is past. */
export function leftAloneUntil({ cooldownUntil, early }: Backend): number {
  return Math.max(cooldownUntil, early.until);
}

export function standingOf(
  { health, fails, connectFailures }: Backend,
  { checkStandsForConnect }: Pick<PoolSettings, 'checkStandsForConnect'>,
): Standing {
  if (health !== 'up') return 'not_up';
  // Checks of another port cannot remove this doubt.
  const isDoubted = checkStandsForConnect && connectFailures > 0;
  return fails === 0 && !isDoubted ? 'steady' : 'in_doubt';
}

/** Whether a successful client connect adds no information. */
export function isUndoubted(backend: Backend, settings: PoolSettings): boolean {
  if (backend.connectFailures > 0) return false;
  return !settings.connectStandsForCheck || standingOf(backend, settings) === 'steady';
}

/** Whether clients can be expected to reach the backend. */
export function isReachable({ health, ip }: Backend, { isChecked }: PoolSettings): boolean {
  return health === 'up' || (!isChecked && health === 'unknown' && ip !== null);
}

/** The state as `status` names it. */
export function stateOf(backend: Backend): BackendStateName {
  return backend.draining ? 'draining' : backend.health;
}

/** A backend that has not been checked yet. */
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

/** Applies one event to its backend. Returns the same object if nothing changed. */
export function next(backend: Backend, event: BackendEvent, settings: PoolSettings, now: number): Backend {
  const after = effect(backend, event, settings, now);
  return backend.health === 'down' && after.health === 'up' ? { ...after, cameUpAt: now } : after;
}

function effect(backend: Backend, event: BackendEvent, settings: PoolSettings, now: number): Backend {
  switch (event.kind) {
    case 'passed':
      return event.source === 'connect' && !settings.connectStandsForCheck
        ? reached(backend, event.began)
        : passed(backend, event, settings);
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
  { source, ip, began, at, count, wall }: Omit<Extract<BackendEvent, { kind: 'passed' }>, 'kind' | 'backend'>,
  { rise, checkStandsForConnect }: PoolSettings,
): Backend {
  if (began <= backend.passedAt) return backend;
  const proves = source === 'connect' || checkStandsForConnect;
  const { connectedAt, contestedAt, provenAt } = proves ? connected(backend, began) : backend;
  // A failure that began later remains.
  const isLatest = began >= backend.failedAt;
  const passes = isLatest ? backend.passes + count : backend.passes;
  const isFirst = isLatest ? backend.lastCheck === null : backend.health === 'unknown';
  const isUp = backend.health === 'up' || isFirst || (isLatest && passes >= rise);
  const isCleared = isLatest && proves;
  // Most checks come here. Not a spread: V8 makes a new hidden class for each spread of a spread, and takes three times as long
  // (1.9 us instead of 0.6 us).
  return Object.assign({}, backend, {
    connectedAt,
    contestedAt,
    provenAt,
    passedAt: began,
    ip: ip ?? backend.ip,
    lastCheck: { at, wall },
    // A worker may report a success after a failure that began later: it would divide the failures that people read of.
    evidence: isLatest || isFirst ? remember(backend.evidence, source, null, null, count, wall, at) : backend.evidence,
    health: isUp ? 'up' : backend.health,
    passes,
    fails: isLatest ? 0 : backend.fails,
    cooldownUntil: isCleared ? -Infinity : backend.cooldownUntil,
    connectFailures: isCleared ? 0 : backend.connectFailures,
  } satisfies Partial<Backend>);
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
  // It will not be checked, so let clients try it.
  const isNew = !isChecked && backend.ip === null;
  if (isNew) return { ...backend, ips, ip: ips[0] ?? null, health: 'unknown', fails: 0, lastCheck: null };
  const same = ips.length === backend.ips.length && ips.every((ip, i) => ip === backend.ips[i]);
  if (same) return backend;
  const ip = backend.ip !== null && ips.includes(backend.ip) ? backend.ip : (ips[0] ?? null);
  return { ...backend, ips, ip };
}
