// What the fleet says of its workers.

import type { WorkerMessage, WorkerProcess } from './worker-process.ts';

export type FleetEvent =
  /** A worker process exists; it does not serve yet. */
  | { readonly kind: 'worker_forked'; readonly worker: WorkerProcess }
  /** It serves. */
  | { readonly kind: 'worker_ready'; readonly worker: WorkerProcess }
  /** A message of it that is not about its own start and end. */
  | { readonly kind: 'worker_message'; readonly worker: WorkerProcess; readonly message: WorkerMessage }
  /** It was told to take no more clients. */
  | { readonly kind: 'worker_draining'; readonly worker: WorkerProcess }
  /** Its process is gone. */
  | { readonly kind: 'worker_gone'; readonly worker: WorkerProcess };
