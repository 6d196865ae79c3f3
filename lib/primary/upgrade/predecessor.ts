// The running bal, as its successor sees it. Owns the channel to it.

import { setTimeout as sleep } from 'node:timers/promises';

import { deferred } from '../../deferred.ts';
import type { Problem } from '../../../config/problem.ts';
import type { Diagnosis, StopRequest } from '../../control/protocol.ts';
import { version } from '../../version.ts';
import type { Inherited } from '../listen/listeners.ts';
import { type Inheritance, inherited } from './bequest.ts';
import { MARK } from './mark.ts';
import type { History, ToPredecessor, ToSuccessor } from './protocol.ts';
import { FIRST_FD, historyOf, PROTOCOL, toSuccessor } from './protocol.ts';

export interface Predecessor {
  readonly pid: number;
  readonly version: string;
  readonly foreground: boolean;
  /** It stays, and this process must end with it. */
  readonly stays: boolean;
  readonly generation: number;
  readonly listeners: readonly Inherited[];
  /** What it knows of the backends, and what names resolve to; not validated yet. */
  readonly known: Known;
  /** What its workers and those of this process count in; null: each process has its own. */
  readonly inheritance: Inheritance | null;
  /** Reports that all preparation is done. Resolves when control socket, admin address and PID file are free; null if it is gone. */
  prepared(): Promise<Yielded | null>;
  /** Reports that clients are served. `next` gets its messages from now on. */
  serving(generation: number, takes: boolean, next: PredecessorListener): void;
  /** Resolves when all connections that can come have come, or the predecessor has ended. */
  readonly through: Promise<void>;
  /** Resolves with the number of connections cut when nothing is left there. */
  readonly empty: Promise<number>;
  /**
   * Ends what is left there. Resolves with the number of connections cut, or after a timeout if the predecessor hangs. `drainMs`
   * is the longest time for its connections if the request has none. May be called again, to hurry.
   */
  stop(request: StopRequest, drainMs: number): Promise<number>;
  /**
   * Cuts the connections to a backend that are left there. Resolves when they are counted here, or after a timeout if the
   * predecessor hangs.
   */
  reset(service: string, address: string, why: 'operator' | 'backend_down'): Promise<void>;
  /** Lends permits of a service, or of the instance (null), to clients that wait there. */
  lend(service: string | null, permits: number): void;
  failed(problem: Diagnosis, errors: readonly Problem[]): Promise<void>;
  /** Resolves when the predecessor has ended or has let go. */
  readonly parted: Promise<void>;
}

export interface Known {
  readonly services: unknown;
  readonly names: unknown;
}

/** It reports after 10 s at the latest, unless it hangs. */
const THROUGH_MS = 15_000;
/** On top of its connections' time. A predecessor that hangs is not waited for. */
const STOP_MS = 5000;
/** Its workers have 6 s to answer. */
const RESET_MS = 8000;

export interface Yielded {
  readonly history: History;
  /** Not validated yet. */
  readonly past: unknown;
  readonly held: unknown;
}

export interface PredecessorListener {
  offered(): void;
  counted(past: unknown, held: unknown): void;
}

/** Says hello. Resolves with null if the predecessor is gone or cannot be followed. */
export async function meet(): Promise<Predecessor | null> {
  // Processes started from here on are not successors.
  delete process.env[MARK];
  const parted = deferred<void>();
  const begun = deferred<Extract<ToSuccessor, { kind: 'begin' }> | null>();
  const yielded = deferred<Yielded | null>();
  const through = deferred<void>();
  const empty = deferred<number>();
  let listener: PredecessorListener | null = null;
  /** Resets that are not done yet, by id. */
  const resets = new Map<number, () => void>();
  let lastReset = 0;
  /** The latest counts; they may arrive before there is a listener. */
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
      case 'reset_done':
        return resets.get(checked.id)?.();
      case 'empty':
        return empty.resolve(checked.cut);
      case undefined:
        return undefined;
    }
  });
  process.once('disconnect', () => {
    begun.resolve(null);
    yielded.resolve(null);
    // Workers that are left offer their connections as after any death of a primary, and clients are counted when they arrive.
    listener?.counted(last?.past, {});
    through.resolve();
    empty.resolve(0);
    for (const done of resets.values()) done();
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
    inheritance: inherited(begin.bequest, FIRST_FD + begin.listeners.length),
    async prepared() {
      await send({ kind: 'prepared' });
      return yielded.promise;
    },
    serving(generation, takes, next) {
      listener = next;
      void send({ kind: 'serving', generation, takes, lends: true });
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
    async reset(service, address, why) {
      // An older program would not answer.
      if (begin.resets !== true || !process.connected) return;
      const id = ++lastReset;
      const done = deferred<void>();
      resets.set(id, () => done.resolve());
      const late = setTimeout(() => done.resolve(), RESET_MS);
      void send({ kind: 'reset', id, service, address, why });
      await done.promise;
      clearTimeout(late);
      resets.delete(id);
    },
    lend: (service, permits) => void send({ kind: 'lend', service, permits }),
    failed: (problem, errors) => send({ kind: 'failed', problem, errors }),
    parted: parted.promise,
  };
}

function isPassed({ passed }: Extract<ToSuccessor, { kind: 'begin' }>, address: string): boolean {
  return Array.isArray(passed) && passed.includes(address);
}
