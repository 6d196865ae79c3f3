// The process of a worker, before anything is known of it.

import type { Worker } from 'node:cluster';
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';

import type { Board } from './board.ts';
import { createBoard } from './board.ts';

/**
 * There is a worker for each core, so V8 needs no four threads beside it for compiling and collecting: one does as well,
 * and a third of the memory that an idle connection seems to cost was theirs.
 */
const V8_THREADS = '--v8-pool-size=1';

let board: Board | null = null;

/** Once, like node:cluster itself. */
function configureCluster(): Board {
  if (board !== null) return board;
  board = createBoard();
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('./worker.js', import.meta.url)),
    args: [],
    execArgv: [...process.execArgv, V8_THREADS],
    serialization: 'json',
    // The last two are for records, at RECORDS_FD, and what workers see of each other, at BOARD_FD.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', 'pipe', board.fd ?? 'ignore'],
  });
  return board;
}

export interface Forked {
  /** Some shortages (EAGAIN) come as an event later, others (ENOMEM, ETXTBSY) are thrown: none may end the primary. */
  readonly child: Worker | Error;
  /** Its process is gone, or never was. */
  readonly over: () => void;
}

export function fork(environment: Readonly<Record<string, string>>): Forked {
  const { take, free } = configureCluster();
  const seat = take();
  const over = (): void => free(seat);
  try {
    return { child: cluster.fork({ ...environment, BAL_SEAT: String(seat) }), over };
  } catch (error) {
    return { child: error instanceof Error ? error : new Error(String(error)), over };
  }
}
