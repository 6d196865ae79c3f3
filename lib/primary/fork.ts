// The process of a worker, before anything is known of it.

import type { Worker } from 'node:cluster';
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';

/**
 * There is a worker for each core, so V8 needs no four threads beside it for compiling and collecting: one does as well,
 * and a third of the memory that an idle connection seems to cost was theirs.
 */
const V8_THREADS = '--v8-pool-size=1';

let configured = false;

function configureCluster(): void {
  if (configured) return;
  configured = true;
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('./worker.js', import.meta.url)),
    args: [],
    execArgv: [...process.execArgv, V8_THREADS],
    serialization: 'json',
    // The last is for records, at RECORDS_FD.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', 'pipe'],
  });
}

/** Some shortages (EAGAIN) come as an event later, others (ENOMEM, ETXTBSY) are thrown: none may end the primary. */
export function fork(environment: Readonly<Record<string, string>>): Worker | Error {
  configureCluster();
  try {
    return cluster.fork(environment);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
