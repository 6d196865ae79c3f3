// Finds workers that hang: stopped, or caught in an endless loop. They cannot say so themselves, but their counters stay
// away. Those that drain are watched as well: their connections are dead with them, and nothing else might ever end them.

import type { Log } from '../log/log.ts';
import { logHung } from './worker-log.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Silent for so long, a worker hangs. */
const HEARTBEAT_LOST_MS = 5000;
const WATCH_MS = 500;

/** Kills those of `workers` that hang, so that whoever waits for their exit replaces those that served. */
export function watchForHung(log: Log, workers: () => readonly WorkerProcess[]): { stop(): void } {
  let lookedAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const late = now - lookedAt > 2 * WATCH_MS;
    lookedAt = now;
    // When this process was itself stopped or starved, the workers' messages are still unread.
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
