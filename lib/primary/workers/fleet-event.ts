// Events of the fleet.

import type { WorkerMessage, WorkerProcess } from './worker-process.ts';

export type FleetEvent =
  /** The worker was forked; it does not serve yet. */
  | { readonly kind: 'worker_forked'; readonly worker: WorkerProcess }
  /** The worker serves. */
  | { readonly kind: 'worker_ready'; readonly worker: WorkerProcess }
  /** A message of the worker that is not about its own start and end. */
  | { readonly kind: 'worker_message'; readonly worker: WorkerProcess; readonly message: WorkerMessage }
  /** The worker was told to take no more clients. */
  | { readonly kind: 'worker_draining'; readonly worker: WorkerProcess }
  /** The worker's process is gone. */
  | { readonly kind: 'worker_gone'; readonly worker: WorkerProcess };
