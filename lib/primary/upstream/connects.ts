// What clients' connects say about a backend, and what a check says about clients' connects. Pure; a part of backend.ts.

import { backoff } from '../../backoff.ts';
import type { Backend, PoolSettings } from './backend.ts';
import type { BackendEvent } from './backend-event.ts';
import type { Cause } from './health/evidence.ts';
import { remember } from './health/evidence.ts';

/** A client's connect that failed and began then says nothing any more: one that began later has succeeded. */
export function isOvertaken({ connectedAt }: Backend, began: number): boolean {
  return began <= connectedAt;
}

export function connectFailed(
  backend: Backend,
  { cause, count: times, guarded, began, wall }: Extract<BackendEvent, { kind: 'connect_failed' }>,
  settings: PoolSettings,
  now: number,
): Backend {
  if (cause === 'local' || !(times >= 1)) return backend;
  const counters = countFailure(backend.counters, cause, times);
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
    evidence: remember(backend.evidence, 'connect', cause, null, times, wall, now),
  };
}

/** A client's attempt that began then has failed: is it refuted? */
function contest(backend: Backend, began: number): Backend {
  const contestedAt = Math.max(backend.contestedAt, began);
  const isRefuted = backend.provenAt < contestedAt && backend.connectedAt >= contestedAt;
  return { ...backend, contestedAt, provenAt: isRefuted ? backend.connectedAt : backend.provenAt };
}

/** Of what its checks find it says nothing. */
export function reached(backend: Backend, began: number): Backend {
  if (isOvertaken(backend, began)) return backend;
  return began < backend.failedAt
    ? connected(backend, began)
    : { ...connected(backend, began), cooldownUntil: -Infinity, connectFailures: 0 };
}

export function connected(backend: Backend, began: number): Backend {
  return contest({ ...backend, connectedAt: Math.max(backend.connectedAt, began) }, backend.contestedAt);
}

export function countFailure(counters: Backend['counters'], cause: Cause, times: number): Backend['counters'] {
  const key = cause === 'timeout' || cause === 'refused' ? cause : 'other';
  return { ...counters, [key]: counters[key] + times };
}
