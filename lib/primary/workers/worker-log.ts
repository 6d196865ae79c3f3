// Log lines about the start and end of workers.

import type { Log } from '../log/log.ts';
import { LOOP_CRASHES } from './respawn.ts';
import type { Exit, WorkerMessage, WorkerProcess } from './worker-process.ts';

export function logReady(log: Log, worker: WorkerProcess, readyMs: number): void {
  const { id, pid, generation, engine } = worker;
  const fields = { worker: id, pid, generation, engine, ready_ms: Math.round(readyMs) };
  log.info('worker.ready', `worker ${id} serves`, fields);
}

/** A worker that took no more clients is gone. `cut`: its connections that were cut or lost. */
export function logEnd(log: Log, worker: WorkerProcess, exit: Exit, cut: number): void {
  const fields = { ...whoEnded(worker, exit), cut };
  if (cut === 0) log.info('worker.exited', `worker ${worker.id} is gone`, fields);
  else log.warn('worker.exited', `worker ${worker.id} is gone, and connections were cut`, fields);
}

/** A serving worker is gone, and its clients with it. */
export function logDeath(log: Log, worker: WorkerProcess, exit: Exit, lost: number, delayMs: number): void {
  const fields = { ...whoEnded(worker, exit), lost, respawn_in_ms: delayMs };
  log.error('worker.exited', `worker ${worker.id} died`, fields);
}

export function logCrashLoop(log: Log, worker: WorkerProcess, { reason }: Exit): void {
  log.error('worker.crash_loop', `worker ${worker.id} keeps dying`, {
    worker: worker.id,
    what_happened: `worker ${worker.id} died ${LOOP_CRASHES} times in a row (${reason})`,
    why_likely: 'a broken installation, no memory left, or a defect',
    do_this_now: "run 'bal doctor --verbose' and look at logs/bal.err",
  });
}

export function logHung(log: Log, worker: WorkerProcess, silentMs: number): void {
  const { id, pid, generation, state } = worker;
  const what = state === 'ready' ? 'is replaced' : 'is killed, and its last connections with it';
  const fields = { worker: id, pid, generation, silent_ms: Math.round(silentMs) };
  log.error('worker.hung', `worker ${id} does not answer and ${what}`, fields);
}

function whoEnded({ id, pid, generation }: WorkerProcess, { reason }: Exit): Record<string, unknown> {
  return { worker: id, pid, generation, reason };
}

type Adopted = Extract<WorkerMessage, { kind: 'adopted' }>;

/** `from`: the pid of the worker that had the connections. */
export function logHandedOver(
  log: Log,
  taker: WorkerProcess,
  from: number | null,
  message: Adopted,
  isShare: boolean,
): void {
  const many = message.connections === 1 ? '1 connection goes' : `${message.connections} connections go`;
  const text = `${many} on in worker ${taker.id}`;
  const fields = handoverFields(taker, from, message);
  if (isShare) log.debug('connections.handed_over', text, fields);
  else log.info('connections.handed_over', text, fields);
}

export function logKept(log: Log, taker: WorkerProcess, from: number | null, message: Adopted): void {
  log.warn('handover.incomplete', STAY, handoverFields(taker, from, message));
}

export function logGivenUp(log: Log, from: number | null, deaths: number): void {
  log.warn('handover.incomplete', STAY, { from, why: `${deaths} workers have died that were to take them` });
}

/** Logs that a worker cannot offer its connections. */
export function logNoOffer(log: Log, { id, pid }: WorkerProcess, error: string): void {
  log.warn('handover.incomplete', `worker ${id} keeps its connections: ${error}`, { worker: id, pid, error });
}

const STAY = 'connections stay with the worker that has them';

function handoverFields(
  taker: WorkerProcess,
  from: number | null,
  { connections, refused, why, standstill }: Adopted,
): Readonly<Record<string, unknown>> {
  return { worker: taker.id, pid: taker.pid, from, connections, refused, why, standstill_ms: standstill };
}
