// Forks worker processes. Owns the setup of node:cluster and the scoreboard.

import type { Worker } from 'node:cluster';
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';

import { asError } from '../../as-error.ts';
import { writeSeat } from '../../ipc/scoreboard.ts';
import type { Scoreboard, Shared } from '../scoreboard/scoreboard.ts';
import { createScoreboard } from '../scoreboard/scoreboard.ts';

/**
 * There is one worker per core, so V8 does not need four more threads for compilation and garbage collection. One does as well;
 * the others took a third of the memory that an idle connection seems to cost.
 */
const V8_THREADS = '--v8-pool-size=1';

/** What a process has sent before its exit waits in this process, so reading it takes no longer. */
const CHANNEL_MS = 1000;

let scoreboard: Scoreboard | null = null;

/** A scoreboard that another process shares: its descriptor here, and what that process told. */
export type SharedScoreboard = Shared & { readonly fd: number };

/** Uses the scoreboard of another process, which this one replaces. Call before the first fork. */
export function adoptScoreboard(from: SharedScoreboard): void {
  configureCluster(from);
}

/** Shares the scoreboard with the process that is to replace this one. Null: there is none. */
export function shareScoreboard(): SharedScoreboard | null {
  const fd = scoreboard?.fd ?? null;
  return scoreboard === null || fd === null ? null : { ...scoreboard.share(), fd };
}

/** Undoes shareScoreboard(): the other process is gone. */
export function keepScoreboard(): void {
  scoreboard?.keep();
}

/** The process that shared its scoreboard has no workers left, or is gone. `over`: as for Scoreboard.alone(). */
export function ownScoreboard(over: () => void): void {
  scoreboard?.alone(over);
}

/** As Scoreboard.others(). */
export function othersOnScoreboard(): ((endpoint: number) => number) | null {
  return scoreboard?.others() ?? null;
}

let note: (() => object) | null = null;
let isNoteDue = false;

/** Keeps this note on the scoreboard from now on. Call again when it has changed. */
export function keepNote(its: () => object): void {
  note = its;
  if (isNoteDue) return;
  isNoteDue = true;
  // It changes many times in a turn.
  queueMicrotask(() => {
    isNoteDue = false;
    scoreboard?.note(its());
  });
}

/** Configures node:cluster, once per process. */
function configureCluster(from: SharedScoreboard | null = null): Scoreboard {
  if (scoreboard !== null) return scoreboard;
  scoreboard = createScoreboard(undefined, from);
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('./worker.js', import.meta.url)),
    args: [],
    execArgv: [...process.execArgv, V8_THREADS],
    serialization: 'json',
    // The last two are the record pipe (RECORDS_FD) and the scoreboard (SCOREBOARD_FD).
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', 'pipe', scoreboard.fd ?? 'ignore'],
  });
  return scoreboard;
}

export interface Forked {
  /** Some errors (EAGAIN) arrive later as an event, others (ENOMEM, ETXTBSY) are thrown. None may end the primary. */
  readonly child: Worker | Error;
  /** Call when the process is gone, or could not be forked. */
  readonly over: () => void;
}

/** Forks a worker. `counts`: it will count the sources of its clients. */
export function fork(environment: Readonly<Record<string, string>>, counts: boolean): Forked {
  const { take, lack, free, roomToCount } = configureCluster();
  const row = take();
  const over = (): void => free(row);
  const seat = {
    BAL_SEAT: writeSeat({ row, lack: lack() }),
    BAL_COUNTS: counts && roomToCount(row) ? '1' : '0',
  };
  if (note !== null) keepNote(note);
  try {
    const child = cluster.fork({ ...environment, ...seat });
    // Without an exit, node:cluster would keep a worker that was never forked.
    const failed = (): void => {
      over();
      if (child.process.pid === undefined) Reflect.deleteProperty(cluster.workers ?? {}, child.id);
    };
    return { child, over: failed };
  } catch (error) {
    return { child: asError(error), over };
  }
}

/** Resolves when every message of a worker that has exited was read, or after CHANNEL_MS. */
export function channelClosed({ process: child }: Worker): Promise<void> {
  if (!child.connected || child.pid === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CHANNEL_MS);
    child.once('disconnect', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
