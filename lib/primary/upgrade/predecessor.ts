// The bal that runs already, as the one sees it that is to take its place. Owner of the channel to it.

import { setTimeout as sleep } from 'node:timers/promises';

import { deferred } from '../../deferred.ts';
import type { Problem } from '../../../config/problem.ts';
import type { Diagnosis, StopRequest } from '../../control/protocol.ts';
import { version } from '../../version.ts';
import type { Inherited } from '../listen/listeners.ts';
import { MARK } from './mark.ts';
import type { History, ToPredecessor, ToSuccessor } from './protocol.ts';
import { FIRST_FD, historyOf, PROTOCOL, toSuccessor } from './protocol.ts';

export interface Predecessor {
  readonly pid: number;
  readonly version: string;
  readonly foreground: boolean;
  /** It stays, and this process is to end with it. */
  readonly stays: boolean;
  readonly generation: number;
  readonly listeners: readonly Inherited[];
  /** What it knows of the backends, and of what names lead to; to be looked at. */
  readonly known: Known;
  /** All that can be done beside it is done: resolves when its control socket, admin address and PID file are free; null: it is gone. */
  prepared(): Promise<Yielded | null>;
  /** Clients are served. `hear` is told what it says from now on. */
  serving(generation: number, takes: boolean, next: PredecessorListener): void;
  /** All that can come from it has come; also where it has ended. */
  readonly through: Promise<void>;
  /** Nothing is left there. Resolves with how many connections were cut. */
  readonly empty: Promise<number>;
  /**
   * What is left there is to end, too. Resolves when it has, with how many connections were cut, or when it hangs: `drainMs` is the
   * longest time that its connections may have, where the request does not say. May be called again, to hurry.
   */
  stop(request: StopRequest, drainMs: number): Promise<number>;
  failed(problem: Diagnosis, errors: readonly Problem[]): Promise<void>;
  /** Resolves when it has ended, or has let go. */
  readonly parted: Promise<void>;
}

export interface Known {
  readonly services: unknown;
  readonly names: unknown;
}

/** It says so after ten seconds at the latest, unless it hangs. */
const THROUGH_MS = 15_000;
/** Beyond the time that its connections have: one that hangs is not waited for. */
const STOP_MS = 5000;

export interface Yielded {
  readonly history: History;
  /** To be looked at. */
  readonly past: unknown;
  readonly held: unknown;
}

export interface PredecessorListener {
  offered(): void;
  counted(past: unknown, held: unknown): void;
}

/** Says hello; null: the other one is gone, or is one that cannot be followed. */
export async function meet(): Promise<Predecessor | null> {
  // Nothing that is started from here on takes anybody's place.
  delete process.env[MARK];
  const parted = deferred<void>();
  const begun = deferred<Extract<ToSuccessor, { kind: 'begin' }> | null>();
  const yielded = deferred<Yielded | null>();
  const through = deferred<void>();
  const empty = deferred<number>();
  let listener: PredecessorListener | null = null;
  /** Before there was anybody to hear it. */
  let last: { readonly past: unknown; readonly held: unknown } | null = null;

  process.on('message', (message) => {
    const checked = toSuccessor(message);
    switch (checked?.kind) {
      case 'begin':
        return begun.resolve(checked);
      case 'yield':
        return yielded.resolve({ ...checked, history: historyOf(checked.history) });
      case 'offered':
        return listener?.offered();
      case 'counted':
        last = checked;
        return listener?.counted(checked.past, checked.held);
      case 'through':
        return through.resolve();
      case 'empty':
        return empty.resolve(checked.cut);
      case undefined:
        return undefined;
    }
  });
  process.once('disconnect', () => {
    begun.resolve(null);
    yielded.resolve(null);
    // Who is still there then is offered as after any death, and counted when it comes.
    listener?.counted(last?.past, {});
    through.resolve();
    empty.resolve(0);
    parted.resolve();
  });

  function send(message: ToPredecessor): Promise<void> {
    return new Promise((resolve) => {
      if (process.send === undefined || !process.connected) resolve();
      else process.send(message, undefined, {}, () => resolve());
    });
  }

  void send({ kind: 'hello', protocol: PROTOCOL, version });
  const begin = await begun.promise;
  if (begin === null) return null;
  return {
    pid: begin.pid,
    version: begin.version,
    foreground: begin.foreground,
    stays: begin.stays,
    generation: begin.generation,
    listeners: begin.listeners.map((address, i) => ({ address, fd: FIRST_FD + i, isPassed: isPassed(begin, address) })),
    known: { services: begin.services, names: begin.names },
    async prepared() {
      await send({ kind: 'prepared' });
      return yielded.promise;
    },
    serving(generation, takes, next) {
      listener = next;
      void send({ kind: 'serving', generation, takes });
      setTimeout(() => through.resolve(), THROUGH_MS).unref();
      if (!process.connected) next.counted(last?.past, {});
    },
    through: through.promise,
    empty: empty.promise,
    async stop({ timeout_ms, now }, drainMs) {
      await send({ kind: 'stop', timeout_ms, now });
      const patienceMs = now ? STOP_MS : (timeout_ms ?? drainMs) + STOP_MS;
      return Promise.race([empty.promise, sleep(patienceMs, 0, { ref: false })]);
    },
    failed: (problem, errors) => send({ kind: 'failed', problem, errors }),
    parted: parted.promise,
  };
}

function isPassed({ passed }: Extract<ToSuccessor, { kind: 'begin' }>, address: string): boolean {
  return Array.isArray(passed) && passed.includes(address);
}
