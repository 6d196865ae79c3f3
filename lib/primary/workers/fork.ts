// The process of a worker, before anything is known of it.

import type { Worker } from 'node:cluster';
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';

import type { Scoreboard } from '../scoreboard/scoreboard.ts';
import { createScoreboard } from '../scoreboard/scoreboard.ts';

/**
 * There is a worker for each core, so V8 needs no four threads beside it for compiling and collecting: one does as well,
 * and a third of the memory that an idle connection seems to cost was theirs.
 */
const V8_THREADS = '--v8-pool-size=1';

let scoreboard: Scoreboard | null = null;

/** Once, like node:cluster itself. */
function configureCluster(): Scoreboard {
  if (scoreboard !== null) return scoreboard;
  scoreboard = createScoreboard();
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('./worker.js', import.meta.url)),
    args: [],
    execArgv: [...process.execArgv, V8_THREADS],
    serialization: 'json',
    // The last two are for records, at RECORDS_FD, and what workers see of each other, at SCOREBOARD_FD.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', 'pipe', scoreboard.fd ?? 'ignore'],
  });
  return scoreboard;
}

export interface Forked {
  /** Some shortages (EAGAIN) come as an event later, others (ENOMEM, ETXTBSY) are thrown: none may end the primary. */
  readonly child: Worker | Error;
  /** Its process is gone, or never was. */
  readonly over: () => void;
}

/** `counts`: it will count the sources of its clients. */
export function fork(environment: Readonly<Record<string, string>>, counts: boolean): Forked {
  const { take, free, roomToCount } = configureCluster();
  const row = take();
  const over = (): void => free(row);
  const seat = { BAL_SEAT: String(row), BAL_COUNTS: counts && roomToCount(row) ? '1' : '0' };
  try {
    return { child: cluster.fork({ ...environment, ...seat }), over };
  } catch (error) {
    return { child: error instanceof Error ? error : new Error(String(error)), over };
  }
}
