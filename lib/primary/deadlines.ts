// When a draining worker's time is up. A worker ends itself at its deadline; one that does not is killed soon after.
// Owner of the timers.

import { drainUntil } from '../drain.ts';
import type { WorkerProcess } from './worker-process.ts';

/** A draining worker ends itself at its deadline; this much later it is killed. */
const KILL_GRACE_MS = 3000;

export interface Deadlines {
  /** It was told to drain within `timeoutMs`, as in the message `drain`; the last word on it counts, but never makes it longer. */
  set(worker: WorkerProcess, timeoutMs: number | null): void;
  /** It is gone. */
  forget(worker: WorkerProcess): void;
}

export function createDeadlines(): Deadlines {
  const deadlines = new Map<WorkerProcess, { readonly until: number; readonly timer: NodeJS.Timeout }>();
  return {
    set(worker, timeoutMs) {
      const now = performance.now();
      const before = deadlines.get(worker);
      clearTimeout(before?.timer);
      const until = drainUntil(before?.until ?? null, timeoutMs, worker.drainMs, now);
      deadlines.set(worker, { until, timer: setTimeout(() => worker.kill(), until - now + KILL_GRACE_MS) });
    },
    forget(worker) {
      clearTimeout(deadlines.get(worker)?.timer);
      deadlines.delete(worker);
    },
  };
}
