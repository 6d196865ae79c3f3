// A worker as the primary sees it, without a process behind it: for tests of the primary's bookkeeping.
import type { ToWorker } from '../ipc/messages.ts';
import type { WorkerProcess, WorkerState } from '../primary/workers/worker-process.ts';

export type StandIn = Omit<WorkerProcess, 'state'> & { state: WorkerState };

/** Serves from the start. `received` gets everything that the primary sends. */
export function processStandIn(pid: number, received: (message: ToWorker) => void = () => undefined): StandIn {
  return {
    id: pid,
    pid,
    generation: 1,
    drainMs: 0,
    reloadDrainMs: 0,
    state: 'ready',
    engine: 'js',
    engineNote: null,
    shares: false,
    lastMessageAt: 0,
    up: Promise.resolve({ ok: true }),
    ready: Promise.resolve({ ok: true }),
    exited: new Promise(() => undefined),
    listen: () => undefined,
    send(message, done) {
      received(message);
      done?.();
    },
    drain: (timeoutMs, why, handover = null) => received({ kind: 'drain', timeoutMs, why, handover }),
    kill: () => undefined,
  };
}
