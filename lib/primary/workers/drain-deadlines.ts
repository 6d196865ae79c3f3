// Drain deadlines of workers. A worker ends itself at its deadline; if it does not, it is killed soon after. A worker without a
// limit is never killed. Owns the timers.

import { setTimeout as pause } from 'node:timers/promises';
import type { Drain } from '../../drain.ts';
import { drainUntil, notDraining, timerAt, commanded } from '../../drain.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Time between a worker's deadline and its kill. */
const KILL_GRACE_MS = 3000;
/** A handover of 5,000 connections takes about 100 ms. */
const HANDOVER_MS = 250;

export interface Deadlines {
  /** Sets the deadline of a worker that was told to drain; see the message `drain`. */
  set(worker: WorkerProcess, timeoutMs: number | null, why: 'drain' | 'stopped'): void;
  /** When its last connections are cut (performance.now()); Infinity: never. */
  until(worker: WorkerProcess): number;
  /** Forgets a worker that is gone. */
  forget(worker: WorkerProcess): void;
}

interface Deadline {
  readonly drain: Drain;
  readonly timer: NodeJS.Timeout | undefined;
}

export function createDrainDeadlines(): Deadlines {
  const deadlines = new Map<WorkerProcess, Deadline>();
  return {
    set(worker, timeoutMs, why) {
      const now = performance.now();
      const before = deadlines.get(worker);
      clearTimeout(before?.timer);
      const drain = commanded(before?.drain ?? notDraining, { timeoutMs, why }, worker, now);
      const timer = timerAt(drainUntil(drain) + KILL_GRACE_MS, now, () => worker.kill());
      deadlines.set(worker, { drain, timer });
    },
    until: (worker) => drainUntil(deadlines.get(worker)?.drain ?? notDraining),
    forget(worker) {
      clearTimeout(deadlines.get(worker)?.timer);
      deadlines.delete(worker);
    },
  };
}

/** Resolves when the worker is gone, or after HANDOVER_MS: some connections cannot be handed over. */
export async function handedOver({ exited }: Pick<WorkerProcess, 'exited'>): Promise<void> {
  const waiting = new AbortController();
  await Promise.race([exited, pause(HANDOVER_MS, undefined, { signal: waiting.signal })]).finally(() =>
    waiting.abort(),
  );
}
