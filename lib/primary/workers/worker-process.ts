// One worker process as the primary sees it: forked → ready → draining → gone. Owns its state; slots and reloads are the fleet's.

import { Readable } from 'node:stream';

import type { EngineChoice } from '../../../config/plan.ts';
import { deferred } from '../../deferred.ts';
import type { DrainLimits } from '../../drain.ts';
import type { BoundHandle } from '../../engine/engine.ts';
import type { ListenerAssignment } from '../../ipc/assignment.ts';
import { toPrimary } from '../../ipc/incoming.ts';
import type { ToPrimary, ToWorker } from '../../ipc/messages.ts';
import { RECORDS_FD } from '../../ipc/records.ts';
import { guardChannel } from './channel-guard.ts';
import { channelClosed, fork } from './fork.ts';
import { readRecords } from './record-lines.ts';

/** A bound listening socket, and what the workers need to know about it. */
export interface WorkerListener {
  readonly assignment: ListenerAssignment;
  readonly address: string;
  readonly handle: BoundHandle;
}

/** A generation's settings for its workers. The limits are the longest of its services. */
export interface WorkerSetup extends DrainLimits {
  readonly engine: EngineChoice;
  /** The workers count the sources of their clients. */
  readonly counts?: boolean;
  /** Null: the worker waits for listen(). */
  readonly listeners: readonly WorkerListener[] | null;
  /** Sends the worker its assignment and first snapshot. */
  introduce(worker: WorkerProcess): void;
}

export type WorkerState = 'forked' | 'ready' | 'draining' | 'gone';

/** Messages of a worker that are not about its own start and end. */
export type WorkerMessage =
  | Exclude<ToPrimary, { kind: 'hello' | 'listening' | 'listen_failed' | 'drained' }>
  /** Finished log lines, one for each connection that ended. */
  | { readonly kind: 'records'; readonly lines: Buffer };

export interface Exit {
  readonly reason: string;
  /** Connections cut by its drain deadline; null if it died without reporting. */
  readonly cut: number | null;
}

export type ReadyResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface WorkerProcess extends DrainLimits {
  /** 1 … workers; a replacement has the id of the one it replaces. */
  readonly id: number;
  readonly pid: number;
  readonly generation: number;
  readonly state: WorkerState;
  readonly engine: 'native' | 'js' | null;
  readonly engineNote: string | null;
  /** Whether it reads the other workers' connection counts from shared memory. */
  readonly shares: boolean;
  /** performance.now() of the last message. */
  readonly lastMessageAt: number;
  /** Resolves once it has started and knows its services, or with the reason why it never will. */
  readonly up: Promise<ReadyResult>;
  /** Resolves once it listens everywhere, or with the reason why it never will. */
  readonly ready: Promise<ReadyResult>;
  readonly exited: Promise<Exit>;
  /** Sends its listeners to a worker that is up and was forked without. Called once. */
  listen(listeners: readonly WorkerListener[]): void;
  /** Calls `done` when the message has left this process, or never if it cannot be sent. */
  send(message: ToWorker, done?: () => void): void;
  /** See the message `drain`. */
  drain(timeoutMs: number | null, why: 'drain' | 'stopped', handover?: string | null): void;
  kill(): void;
}

/** From its fork, or from the moment when a worker that stood by gets its sockets. */
const READY_DEADLINE_MS = 10_000;

/** Whether it is about the worker's own start and end. */
function isOwn(message: ToPrimary): message is Exclude<ToPrimary, WorkerMessage> {
  return ['hello', 'listening', 'listen_failed', 'drained'].includes(message.kind);
}

/** Forks a worker. `onMessage` gets every message that is not about the worker's own start and end. */
export function forkWorker(
  id: number,
  generation: number,
  setup: WorkerSetup,
  onMessage: (worker: WorkerProcess, message: WorkerMessage) => void,
): WorkerProcess {
  const { child: forked, over } = fork({ BAL_WORKER: String(id), BAL_ENGINE: setup.engine }, setup.counts ?? false);
  const child = forked instanceof Error ? null : forked;
  const pipe = child?.process.stdio?.[RECORDS_FD];
  const records =
    pipe instanceof Readable ? readRecords(pipe, (lines) => onMessage(worker, { kind: 'records', lines })) : null;
  let state: WorkerState = 'forked';
  let hello: Extract<ToPrimary, { kind: 'hello' }> | null = null;
  let lastMessageAt = performance.now();
  let cut: number | null = null;
  /** Why it was killed, if it misbehaved. */
  let misconduct: string | null = null;
  const listening = new Set<number>();
  let { listeners } = setup;
  const up = deferred<ReadyResult>();
  const ready = deferred<ReadyResult>();
  const exited = deferred<Exit>();
  let deadline = setTimeout(late, READY_DEADLINE_MS);

  function late(): void {
    notReady(`did not become ready within ${READY_DEADLINE_MS / 1000} s`);
    kill();
  }

  function notReady(reason: string): void {
    up.resolve({ ok: false, reason });
    ready.resolve({ ok: false, reason });
  }

  function send(message: ToWorker, done?: () => void, handle?: BoundHandle): void {
    if (child?.isConnected() !== true) return;
    // The handle is libuv's own type, which node:child_process can send.
    child.process.send(message, handle as never, {}, (error) => {
      // On an error the worker is gone, and its exit handles the rest.
      if (error === null || error === undefined) done?.();
    });
  }

  function begin(): void {
    setup.introduce(worker);
    if (listeners !== null) listen(listeners);
    // It stands by, for as long as its sockets take to come.
    else clearTimeout(deadline);
    up.resolve({ ok: true });
  }

  function listen(given: readonly WorkerListener[]): void {
    listeners = given;
    for (const { assignment, handle } of given) send({ kind: 'listen', listener: assignment }, undefined, handle);
  }

  function listenerOf(id: number): WorkerListener | undefined {
    return listeners?.find(({ assignment }) => assignment.id === id);
  }

  function receive(message: ToPrimary): void {
    lastMessageAt = performance.now();
    if (!isOwn(message)) return onMessage(worker, message);
    switch (message.kind) {
      case 'hello':
        // Accept only the first: a second one would get the listening sockets again.
        if (hello !== null) return;
        hello = message;
        begin();
        return;
      case 'listening':
        if (listenerOf(message.listener) !== undefined) listening.add(message.listener);
        if (listening.size === listeners?.length && state === 'forked') {
          state = 'ready';
          clearTimeout(deadline);
          ready.resolve({ ok: true });
        }
        return;
      case 'listen_failed':
        ready.resolve({
          ok: false,
          reason: `cannot listen on ${listenerOf(message.listener)?.address ?? 'its address'}: ${message.code}`,
        });
        return;
      case 'drained':
        cut = message.cut;
        return;
    }
  }

  const worker: WorkerProcess = {
    id,
    pid: child?.process.pid ?? 0,
    generation,
    drainMs: setup.drainMs,
    reloadDrainMs: setup.reloadDrainMs,
    get state() {
      return state;
    },
    get engine() {
      return hello?.engine ?? null;
    },
    get engineNote() {
      return hello?.note ?? null;
    },
    get shares() {
      return hello?.shares ?? false;
    },
    get lastMessageAt() {
      return lastMessageAt;
    },
    up: up.promise,
    ready: ready.promise,
    exited: exited.promise,
    listen(given) {
      if (state === 'forked') deadline = setTimeout(late, READY_DEADLINE_MS);
      listen(given);
    },
    send: (message, done) => send(message, done),
    drain(timeoutMs, why, handover = null) {
      if (state === 'gone') return;
      state = 'draining';
      clearTimeout(deadline);
      notReady('was told to stop');
      // Before its hello only node:cluster's own listener would get the message, and it would be lost. There are no clients yet
      // either.
      if (hello === null) kill();
      else send({ kind: 'drain', timeoutMs, why, handover });
    },
    kill,
  };

  function kill(): void {
    if (state !== 'gone') child?.process.kill('SIGKILL');
  }

  function gone(reason: string): void {
    state = 'gone';
    over();
    clearTimeout(deadline);
    notReady(reason);
    // What it sent last may arrive after its exit: how many it cut, its counters, its records.
    void Promise.all([records?.end(), child && channelClosed(child)]).then(() => exited.resolve({ reason, cut }));
  }

  if (forked instanceof Error) gone(`cannot be forked: ${forked.message}`);
  if (child !== null) {
    guardChannel(child.process, (reason) => {
      misconduct = reason;
      kill();
    });
  }
  child?.on('message', (message: unknown) => {
    const checked = toPrimary(message);
    if (checked !== null) receive(checked);
  });
  // A failed fork has an error but no pid and no exit. A later error is a send to a dying worker.
  child?.on('error', (error) => {
    if (child.process.pid === undefined) gone(`cannot be forked: ${error.message}`);
  });
  child?.once('exit', (code: number | null, signal: string | null) =>
    gone(misconduct ?? (signal === null ? `exited with code ${code}` : `was killed by ${signal}`)),
  );
  return worker;
}
