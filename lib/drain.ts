// The drain deadline of a worker: the worker cuts its connections then, and the primary kills a worker that does not end.

import type { ToWorker } from './ipc/messages.ts';

/** Deadlines (performance.now()); Infinity: until the connections end by themselves. */
export interface Drain {
  readonly reload: number;
  readonly stop: number;
}

/** The configured times. */
export interface DrainLimits {
  readonly drainMs: number;
  /** 0: no limit. */
  readonly reloadDrainMs: number;
}

export const notDraining: Drain = { reload: Infinity, stop: Infinity };

/**
 * Applies a message `drain`, perhaps a repeated one. Nothing extends the deadline of a reload. Only an explicit time extends that
 * of a stop: repeating a stop without one does not restart it.
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

/** Sets a timer for a time that may be Infinity: setTimeout() would fire at once. */
export function timerAt(until: number, now: number, due: () => void): NodeJS.Timeout | undefined {
  return until === Infinity ? undefined : setTimeout(due, until - now);
}
