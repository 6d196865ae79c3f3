// A backend that accepts clients and lets them go without a byte, however well its checks pass. Pure.

import { backoff } from '../../backoff.ts';
import type { Runtime } from '../../../config/plan.ts';

/** Until when it is left alone for that (monotonic), how often in a row it was, and since when (Date.now()). */
export interface Early {
  readonly until: number;
  readonly times: number;
  readonly since: number;
}

export const NOT_EARLY: Early = { until: -Infinity, times: 0, since: 0 };

export function failsEarly({ early }: { readonly early: Early }, now: number): boolean {
  return now < early.until;
}

/** A worker's report; the same object where it says nothing new. */
export function failedEarly(
  early: Early,
  { began, wall }: { readonly began: number; readonly wall: number },
  { cooldownMs, backoffInitialMs, backoffMaxMs }: Pick<Runtime, 'cooldownMs' | 'backoffInitialMs' | 'backoffMaxMs'>,
  now: number,
): Early {
  const { until, times, since } = early;
  // Begun before, or by another worker that had not heard: the same outage.
  if (now < until || began < until) return early;
  const goesOn = now - until <= Math.max(cooldownMs, backoffMaxMs);
  const again = goesOn ? times + 1 : 1;
  const pause = Math.max(cooldownMs, backoff(backoffInitialMs, backoffMaxMs, again));
  return { until: now + pause, times: again, since: goesOn ? since : wall };
}
