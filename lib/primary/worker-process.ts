// One worker process as the primary sees it: forked → ready → draining → gone. Knows nothing of slots or reloads.

import type { Worker } from 'node:cluster';
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';

import type { EngineChoice } from '../../config/plan.ts';
import { deferred } from '../deferred.ts';
import type { BoundHandle } from '../engine/engine.ts';
import { toPrimary } from '../ipc/incoming.ts';
import type { ToPrimary, ToWorker } from '../ipc/messages.ts';
import type { Table } from '../ipc/table.ts';
import { unreachable } from '../unreachable.ts';

/** What a generation asks of its workers. */
export interface Assignment {
  readonly engine: EngineChoice;
  /** One bound handle a service, in the table's order. */
  readonly handles: readonly BoundHandle[];
  /** The longest drain of its services. */
  readonly drainMs: number;
  table(): Table;
}

export type WorkerState = 'forked' | 'ready' | 'draining' | 'gone';

/** What a worker has to say beyond its own start and end. */
export type WorkerNews = Exclude<ToPrimary, { kind: 'hello' | 'listening' | 'listen_failed' | 'drained' }>;

export interface Exit {
  readonly reason: string;
  /** Connections cut by its drain deadline; null when it died without a last word. */
  readonly cut: number | null;
}

export type ReadyResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface WorkerProcess {
  /** 1 … workers; a replacement has the id of the one it replaces. */
  readonly id: number;
  readonly pid: number;
  readonly generation: number;
  /** The longest drain of its services. */
  readonly drainMs: number;
  readonly state: WorkerState;
  readonly engine: 'native' | 'js' | null;
  readonly engineNote: string | null;
  /** performance.now() of the last message. */
  readonly heardAt: number;
  /** Resolves once all listeners are served, or with the reason why it never will. */
  readonly ready: Promise<ReadyResult>;
  readonly exited: Promise<Exit>;
  /** Latest wins: while one is on its way only the newest of those that follow is kept. */
  pushTable(table: Table): void;
  send(message: ToWorker): void;
  /** See the message `drain`. */
  drain(timeoutMs: number | null, why: 'drain' | 'stopped'): void;
  kill(): void;
}

const READY_DEADLINE_MS = 10_000;

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
  });
}

/** `news` is called for every message that is not about the worker's own start and end. */
export function forkWorker(
  id: number,
  generation: number,
  assignment: Assignment,
  news: (worker: WorkerProcess, message: WorkerNews) => void,
): WorkerProcess {
  configureCluster();
  const forked = fork({ BAL_WORKER: String(id), BAL_ENGINE: assignment.engine });
  const child = forked instanceof Error ? null : forked;
  let state: WorkerState = 'forked';
  let engine: 'native' | 'js' | null = null;
  let engineNote: string | null = null;
  let heardAt = performance.now();
  let cut: number | null = null;
  const listening = new Set<number>();
  let sending = false;
  let newest: Table | null = null;

  const ready = deferred<ReadyResult>();
  const exited = deferred<Exit>();
  const deadline = setTimeout(() => {
    ready.resolve({ ok: false, reason: `did not become ready within ${READY_DEADLINE_MS / 1000} s` });
    kill();
  }, READY_DEADLINE_MS);

  function send(message: ToWorker, handle?: BoundHandle, done?: () => void): void {
    if (child?.isConnected() !== true) return;
    // The handle type is libuv's own; node:child_process sends it as what it is.
    child.process.send(message, handle as never, {}, (error) => {
      // The worker is gone: its exit tells the rest.
      if (error === null || error === undefined) done?.();
    });
  }

  function pushTable(table: Table): void {
    if (sending) {
      newest = table;
      return;
    }
    sending = true;
    send({ kind: 'table', table }, undefined, () => {
      sending = false;
      const next = newest;
      newest = null;
      if (next !== null) pushTable(next);
    });
  }

  function begin(): void {
    pushTable(assignment.table());
    assignment.handles.forEach((handle, service) => send({ kind: 'listen', service }, handle));
  }

  function hear(message: ToPrimary): void {
    heardAt = performance.now();
    switch (message.kind) {
      case 'hello':
        // Once: a second one would get the listening sockets a second time.
        if (engine !== null) return;
        engine = message.engine;
        engineNote = message.note;
        begin();
        return;
      case 'listening':
        if (message.service < assignment.handles.length) listening.add(message.service);
        if (listening.size === assignment.handles.length && state === 'forked') {
          state = 'ready';
          clearTimeout(deadline);
          ready.resolve({ ok: true });
        }
        return;
      case 'listen_failed':
        ready.resolve({ ok: false, reason: `cannot listen for service ${message.service}: ${message.code}` });
        return;
      case 'drained':
        cut = message.cut;
        return;
      case 'ask':
      case 'returned':
      case 'counters':
      case 'connect_failed':
      case 'log':
      case 'records':
        news(worker, message);
        return;
      default:
        unreachable(message);
    }
  }

  const worker: WorkerProcess = {
    id,
    pid: child?.process.pid ?? 0,
    generation,
    drainMs: assignment.drainMs,
    get state() {
      return state;
    },
    get engine() {
      return engine;
    },
    get engineNote() {
      return engineNote;
    },
    get heardAt() {
      return heardAt;
    },
    ready: ready.promise,
    exited: exited.promise,
    pushTable,
    send,
    drain(timeoutMs, why) {
      if (state === 'gone') return;
      state = 'draining';
      clearTimeout(deadline);
      ready.resolve({ ok: false, reason: 'was told to stop' });
      send({ kind: 'drain', timeoutMs, why });
    },
    kill,
  };

  function kill(): void {
    if (state !== 'gone') child?.process.kill('SIGKILL');
  }

  function gone(reason: string): void {
    state = 'gone';
    clearTimeout(deadline);
    ready.resolve({ ok: false, reason });
    exited.resolve({ reason, cut });
  }

  if (forked instanceof Error) gone(`cannot be forked: ${forked.message}`);
  child?.on('message', (message: unknown) => {
    const checked = toPrimary(message);
    if (checked !== null) hear(checked);
  });
  // A fork that failed has an error, no pid and no exit; an error later is a send to the dying.
  child?.on('error', (error) => {
    if (child.process.pid === undefined) gone(`cannot be forked: ${error.message}`);
  });
  child?.once('exit', (code: number | null, signal: string | null) =>
    gone(signal === null ? `exited with code ${code}` : `was killed by ${signal}`),
  );
  return worker;
}

/** Some shortages (EAGAIN) come as an event later, others (ENOMEM, ETXTBSY) are thrown: none may end the primary. */
function fork(environment: Readonly<Record<string, string>>): Worker | Error {
  try {
    return cluster.fork(environment);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
