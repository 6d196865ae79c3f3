// The watchdog: finds workers that hang, stopped or in an endless loop, because their counters stop arriving. It watches draining
// workers too: their connections hang with them, and nothing else might ever end them.

import type { Log } from '../log/log.ts';
import { logHung } from './worker-log.ts';
import type { WorkerProcess } from './worker-process.ts';

/** A worker that is silent for this long hangs. */
const HEARTBEAT_LOST_MS = 5000;
const WATCH_MS = 500;

/** Kills workers that hang. Their exit makes the fleet replace those that served. */
export function watchForHung(log: Log, workers: () => readonly WorkerProcess[]): { stop(): void } {
  let lookedAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const late = now - lookedAt > 2 * WATCH_MS;
    lookedAt = now;
    // If this process itself was stopped or starved, the workers' messages are still unread.
    if (late) return;
    for (const worker of workers()) {
      const { state, lastMessageAt } = worker;
      if ((state !== 'ready' && state !== 'draining') || now - lastMessageAt < HEARTBEAT_LOST_MS) continue;
      logHung(log, worker, now - lastMessageAt);
      worker.kill();
    }
  }, WATCH_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
