// What clients' connects say about a backend, and how checks bear on them. Pure; a part of backend.ts.

import { backoff } from '../../backoff.ts';
import type { Backend, PoolSettings } from './backend.ts';
import type { BackendEvent } from './backend-event.ts';
import type { Cause } from './health/evidence.ts';
import { remember } from './health/evidence.ts';

/** Whether a failed connect that began then is refuted by a success that began later. */
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
  if (isOvertaken(backend, began)) return { ...backend, ...contest(backend, began), counters };
  // The cause `other` is unclear, so only a check may take the backend down for it.
  const fails = cause === 'other' ? backend.fails : backend.fails + 1;
  // A failure during a cool-down began before it, or in another worker. It is the same outage and does not lengthen the cool-down.
  const cooling = now < backend.cooldownUntil;
  const connectFailures = cooling ? backend.connectFailures : backend.connectFailures + 1;
  const { cooldownMs, backoffInitialMs, backoffMaxMs } = settings;
  const pause = Math.max(cooldownMs, backoff(backoffInitialMs, backoffMaxMs, connectFailures)) * (guarded ? 2 : 1);
  return {
    ...backend,
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

type Proof = Pick<Backend, 'connectedAt' | 'contestedAt' | 'provenAt'>;

/** Records a failed client connect that began then, and whether a later success refutes it. */
function contest({ connectedAt, contestedAt: before, provenAt }: Proof, began: number): Proof {
  const contestedAt = Math.max(before, began);
  const isRefuted = provenAt < contestedAt && connectedAt >= contestedAt;
  return { connectedAt, contestedAt, provenAt: isRefuted ? connectedAt : provenAt };
}

/** Records a successful client connect. It says nothing about what checks find. */
export function reached(backend: Backend, began: number): Backend {
  if (isOvertaken(backend, began)) return backend;
  const proven = { ...backend, ...connected(backend, began) };
  return began < backend.failedAt ? proven : { ...proven, cooldownUntil: -Infinity, connectFailures: 0 };
}

/** Records an attempt that began then and succeeded. */
export function connected({ connectedAt, contestedAt, provenAt }: Proof, began: number): Proof {
  return contest({ connectedAt: Math.max(connectedAt, began), contestedAt, provenAt }, contestedAt);
}

export function countFailure(counters: Backend['counters'], cause: Cause, times: number): Backend['counters'] {
  const key = cause === 'timeout' || cause === 'refused' ? cause : 'other';
  return { ...counters, [key]: counters[key] + times };
}
