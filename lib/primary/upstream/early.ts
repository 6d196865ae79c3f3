// A backend that accepts clients and closes without sending a byte, although its checks pass. Pure.

import { backoff } from '../../backoff.ts';
import type { Runtime } from '../../../config/plan.ts';

/** Until when the backend is left alone (monotonic), how many times in a row, and since when (Date.now()). */
export interface Early {
  readonly until: number;
  readonly times: number;
  readonly since: number;
}

export const NOT_EARLY: Early = { until: -Infinity, times: 0, since: 0 };

export function failsEarly({ early }: { readonly early: Early }, now: number): boolean {
  return now < early.until;
}

/** Applies a worker's report. Returns the same object if it says nothing new. */
export function failedEarly(
  early: Early,
  { began, wall }: { readonly began: number; readonly wall: number },
  { cooldownMs, backoffInitialMs, backoffMaxMs }: Pick<Runtime, 'cooldownMs' | 'backoffInitialMs' | 'backoffMaxMs'>,
  now: number,
): Early {
  const { until, times, since } = early;
  // The attempt began before the pause, or in a worker that had not heard of it: the same outage.
  if (now < until || began < until) return early;
  const goesOn = now - until <= Math.max(cooldownMs, backoffMaxMs);
  const again = goesOn ? times + 1 : 1;
  const pause = Math.max(cooldownMs, backoff(backoffInitialMs, backoffMaxMs, again));
  return { until: now + pause, times: again, since: goesOn ? since : wall };
}
