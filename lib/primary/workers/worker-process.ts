// One worker process as the primary sees it: forked → ready → draining → gone. Knows nothing of slots or reloads.

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
import { fork } from './fork.ts';
import { readRecords } from './record-lines.ts';

/** A bound listening socket, and what its workers are to know of it. */
export interface WorkerListener {
  readonly assignment: ListenerAssignment;
  readonly address: string;
  readonly handle: BoundHandle;
}

/** What a generation asks of its workers; of the limits the longest of its services. */
export interface WorkerSetup extends DrainLimits {
  readonly engine: EngineChoice;
  /** They count the sources of their clients. */
  readonly counts?: boolean;
  /** Null: it waits for listen(). */
  readonly listeners: readonly WorkerListener[] | null;
  /** Sends it its assignment and its first snapshot. */
  introduce(worker: WorkerProcess): void;
}

export type WorkerState = 'forked' | 'ready' | 'draining' | 'gone';

/** What a worker has to say beyond its own start and end. */
export type WorkerMessage =
  | Exclude<ToPrimary, { kind: 'hello' | 'listening' | 'listen_failed' | 'drained' }>
  /** Finished log lines, one for each connection that ended. */
  | { readonly kind: 'records'; readonly lines: Buffer };

export interface Exit {
  readonly reason: string;
  /** Connections cut by its drain deadline; null when it died without a last word. */
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
  /** It sees in memory how many connections the others have. */
  readonly shares: boolean;
  /** performance.now() of the last message. */
  readonly lastMessageAt: number;
  /** Resolves once it has started and knows what it serves, or with the reason why it never will. */
  readonly up: Promise<ReadyResult>;
  /** Resolves once all listeners are served, or with the reason why it never will. */
  readonly ready: Promise<ReadyResult>;
  readonly exited: Promise<Exit>;
  /** Gives it what to listen on, once, where its assignment did not; it is up. */
  listen(listeners: readonly WorkerListener[]): void;
  /** `done` is called when it has left this process; never when it cannot. */
  send(message: ToWorker, done?: () => void): void;
  /** See the message `drain`. */
  drain(timeoutMs: number | null, why: 'drain' | 'stopped', handover?: string | null): void;
  kill(): void;
}

const READY_DEADLINE_MS = 10_000;

/** `onMessage` is called for every message that is not about the worker's own start and end. */
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
  /** What it did for which it was killed. */
  let misconduct: string | null = null;
  const listening = new Set<number>();
  let { listeners } = setup;
  const up = deferred<ReadyResult>();
  const ready = deferred<ReadyResult>();
  const exited = deferred<Exit>();
  const deadline = setTimeout(() => {
    notReady(`did not become ready within ${READY_DEADLINE_MS / 1000} s`);
    kill();
  }, READY_DEADLINE_MS);

  function notReady(reason: string): void {
    up.resolve({ ok: false, reason });
    ready.resolve({ ok: false, reason });
  }

  function send(message: ToWorker, done?: () => void, handle?: BoundHandle): void {
    if (child?.isConnected() !== true) return;
    // The handle type is libuv's own; node:child_process sends it as what it is.
    child.process.send(message, handle as never, {}, (error) => {
      // The worker is gone: its exit tells the rest.
      if (error === null || error === undefined) done?.();
    });
  }

  function begin(): void {
    setup.introduce(worker);
    if (listeners !== null) listen(listeners);
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
    switch (message.kind) {
      case 'hello':
        // Once: a second one would get the listening sockets a second time.
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
      case 'ask':
      case 'returned':
      case 'took':
      case 'giving':
      case 'given':
      case 'adopting':
      case 'adopted':
      case 'counters':
      case 'connect_failed':
      case 'early_failures':
      case 'log':
      case 'records_dropped':
        onMessage(worker, message);
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
    listen,
    send: (message, done) => send(message, done),
    drain(timeoutMs, why, handover = null) {
      if (state === 'gone') return;
      state = 'draining';
      clearTimeout(deadline);
      notReady('was told to stop');
      // Until it has said hello nobody there listens: node:cluster's own listener would take the message, and it would be lost.
      // It has no client either.
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
    if (records === null) exited.resolve({ reason, cut });
    else void records.end().then(() => exited.resolve({ reason, cut }));
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
  // A fork that failed has an error, no pid and no exit; an error later is a send to the dying.
  child?.on('error', (error) => {
    if (child.process.pid === undefined) gone(`cannot be forked: ${error.message}`);
  });
  child?.once('exit', (code: number | null, signal: string | null) =>
    gone(misconduct ?? (signal === null ? `exited with code ${code}` : `was killed by ${signal}`)),
  );
  return worker;
}
