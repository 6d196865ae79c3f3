// Until when the connections of a draining worker have time: the worker cuts by it, and the primary kills one that does
// not end by it.

import type { ToWorker } from './ipc/messages.ts';

/** All times in terms of performance.now(); Infinity: until the connections end by themselves. */
export interface Drain {
  readonly reload: number;
  readonly stop: number;
}

/** What is configured. */
export interface DrainLimits {
  readonly drainMs: number;
  /** 0: no limit. */
  readonly reloadDrainMs: number;
}

export const notDraining: Drain = { reload: Infinity, stop: Infinity };

/**
 * The message `drain`, maybe again. Nothing makes the time that a reload gave longer; that of a stop is made longer only by
 * a time that is asked for: who repeats a stop without one does not begin it anew.
 */
export function commanded(
  before: Drain,
  { timeoutMs, why }: Pick<Extract<ToWorker, { kind: 'drain' }>, 'timeoutMs' | 'why'>,
  { drainMs, reloadDrainMs }: DrainLimits,
  now: number,
): Drain {
  if (why === 'stopped') {
    return { ...before, stop: timeoutMs === null ? Math.min(before.stop, now + drainMs) : now + timeoutMs };
  }
  const limitMs = timeoutMs ?? (reloadDrainMs === 0 ? Infinity : reloadDrainMs);
  return { ...before, reload: Math.min(before.reload, now + limitMs) };
}

export function drainUntil({ reload, stop }: Drain): number {
  return Math.min(reload, stop);
}

/** A timer for a time that may never come: setTimeout() takes Infinity for "at once". */
export function timerAt(until: number, now: number, due: () => void): NodeJS.Timeout | undefined {
  return until === Infinity ? undefined : setTimeout(due, until - now);
}
