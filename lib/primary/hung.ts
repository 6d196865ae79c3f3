// Finds workers that hang: stopped, or caught in an endless loop. They cannot say so themselves, but their counters, sent
// twice a second, stay away.

import type { Log } from './log.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Silent for so long, a worker hangs and is replaced. */
const HEARTBEAT_LOST_MS = 5000;
const WATCH_MS = 500;

/** Kills those of `serving` that hang, so that whoever waits for their exit replaces them. */
export function watchForHung(log: Log, serving: () => readonly WorkerProcess[]): { stop(): void } {
  let lookedAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const late = now - lookedAt > 2 * WATCH_MS;
    lookedAt = now;
    // When this process was itself stopped or starved, the workers' messages are still unread.
    if (late) return;
    for (const worker of serving()) {
      if (worker.state !== 'ready' || now - worker.heardAt < HEARTBEAT_LOST_MS) continue;
      log.error('worker.hung', `worker ${worker.id} does not answer and is replaced`, {
        worker: worker.id,
        pid: worker.pid,
        silent_ms: Math.round(now - worker.heardAt),
      });
      worker.kill();
    }
  }, WATCH_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
