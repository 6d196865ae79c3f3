// Handovers between workers: decides which worker takes the connections of a replaced worker, or a share of a serving one. Owns
// the pairs of giver and taker. The connections go from worker to worker over a socket in the home, never through the primary.

import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { handoversIn, pidOfHandover } from '../../paths.ts';
import type { Log } from '../log/log.ts';
import { createFailedTakers } from './failed-takers.ts';
import { createOrphanLooks } from './orphan-looks.ts';
import { logHandedOver, logKept, logNoOffer } from '../workers/worker-log.ts';
import type { WorkerMessage, WorkerProcess } from '../workers/worker-process.ts';

/** Takers tried in a row without one connection taken. Each may fail for its own reason. */
const ATTEMPTS = 3;
const LOOK_MS = 10;
/** A reload waits no longer than this for connections that move one by one. */
const LONGEST_MS = 30_000;

export interface Handovers {
  /** Returns the path where a worker should offer its connections; null: it keeps them. */
  pathFor(worker: WorkerProcess): string | null;
  receive(worker: WorkerProcess, message: Extract<WorkerMessage, { kind: 'giving' | 'given' | 'adopted' }>): void;
  /**
   * Moves up to `most` connections of a serving worker to another one. Resolves with how many have moved, when all that can have;
   * null: not now, or it has failed.
   */
  share(from: WorkerProcess, to: WorkerProcess, most: number): Promise<number | null>;
  /** A worker is ready, so it can take. */
  ready(): void;
  gone(worker: WorkerProcess): void;
  /**
   * Leaves all offers to the workers of another primary from now on, and calls `offered` for each worker that begins to offer.
   * Null: nobody takes, and workers that drain from now on keep their connections.
   */
  giveAway(offered: (() => void) | null): void;
  /** The workers here take again. */
  takeBack(): void;
  /** Takes connections from workers that offer them in this home and are not ours. */
  look(): void;
  /** Finds workers that have outlived an earlier primary in this home, and takes over their connections. */
  takeOver(): void;
  close(): void;
  /** A taker has just got connections. */
  moved(): void;
  /**
   * Resolves when workers replaced since `since` (performance.now()) have given all connections that can move, and those without
   * any left have ended. Resolves at the latest when no connection has moved for `deadlineMs`.
   */
  settled(since: number, deadlineMs: number): Promise<void>;
}

export interface HandoversParts {
  readonly log: Log;
  /** The path of a worker's handover socket, by pid. */
  readonly path: (pid: number) => string;
  /** All live workers. */
  readonly workers: () => readonly WorkerProcess[];
  /** Whether it must give all its connections before a reload is settled. */
  readonly givesAll: (worker: WorkerProcess) => boolean;
}

interface Giver {
  readonly worker: WorkerProcess;
  readonly path: string;
  /** The giver listens. */
  offers: boolean;
  /** Whether its remaining connections cannot move; `all`: they have no backend. */
  through: 'no' | 'yes' | 'all';
  taker: WorkerProcess | null;
  /** Attempts in a row without a connection taken. */
  attempts: number;
  readonly since: number;
  /** For a share: its only possible taker. The giver goes on serving. Null: it gives all connections that can move. */
  readonly share: { readonly taker: WorkerProcess; readonly over: (connections: number | null) => void } | null;
}

export function createHandovers({ log, path, workers, givesAll }: HandoversParts): Handovers {
  /** By path. */
  const givers = new Map<string, Giver>();
  /** Paths of orphans whose connections are being taken, and their takers. */
  const orphans = new Map<string, WorkerProcess>();
  const failedTakers = createFailedTakers(log);
  let turn = 0;
  const looks = createOrphanLooks(() => takers === 'ours' && findOrphans());
  let movedAt = 0;
  /** Who takes: the workers here, those of another primary (a function, called for each offer), or nobody. */
  let takers: 'ours' | 'nobody' | (() => void) = 'ours';

  function ableToTake(): WorkerProcess[] {
    return workers().filter(({ state, engine }) => state === 'ready' && engine === 'native');
  }

  /** The replacement of the giver if there is one, else another worker. */
  function takerFor({ worker: { id, pid }, share }: Giver): WorkerProcess | undefined {
    if (share !== null) return share.taker;
    const others = ableToTake().filter((it) => it.pid !== pid);
    return others.find((it) => it.id === id) ?? others[(id - 1) % others.length];
  }

  function send(giver: Giver): void {
    if (takers !== 'ours' || !giver.offers || giver.taker !== null) return;
    if (giver.attempts >= ATTEMPTS || failedTakers.kills(giver.path)) return;
    const taker = takerFor(giver);
    if (taker === undefined) return;
    giver.attempts++;
    giver.taker = taker;
    taker.send({ kind: 'take', path: giver.path });
  }

  function adopted(taker: WorkerProcess, message: Extract<WorkerMessage, { kind: 'adopted' }>): void {
    const { connections, refused, why } = message;
    const giver = givers.get(message.path);
    const wasOrphan = orphans.get(message.path) === taker && orphans.delete(message.path);
    // Nobody listens there any more: the giver is just ending, or left its socket behind.
    const isEnding = why === 'ECONNREFUSED' || why === 'ENOENT' || (wasOrphan && !existsSync(message.path));
    const isShare = giver !== undefined && giver.share?.taker === taker;
    const from = pidOfHandover(message.path);
    if (connections > 0) logHandedOver(log, taker, from, message, isShare);
    if (wasOrphan && isEnding) return rmSync(message.path, { force: true });
    if (isShare) return endShare(giver, why === null || isEnding || connections > 0 ? connections : null);
    const hasFailed = why !== null && !isEnding && (giver !== undefined || wasOrphan);
    if (refused > 0 || hasFailed) logKept(log, taker, from, message);
    if (wasOrphan && hasFailed && connections === 0) failedTakers.failed(message.path);
    if (giver?.taker !== taker) return;
    giver.taker = null;
    // A live giver may have more: the taker was full, or did not know some endpoints yet.
    if (connections > 0) giver.attempts = 0;
    send(giver);
  }

  function endShare(giver: Giver, moved: number | null): void {
    if (givers.get(giver.path) === giver) givers.delete(giver.path);
    giver.share?.over(moved);
  }

  /** `taker`: that of an unfinished share, which must end first. */
  function begin(worker: WorkerProcess, share: Giver['share'], taker: WorkerProcess | null): void {
    const its = path(worker.pid);
    const since = performance.now();
    givers.set(its, { worker, path: its, offers: false, through: 'no', taker, attempts: 0, since, share });
  }

  /** Asks takers for the connections of workers that are not ours. */
  function findOrphans(): void {
    const able = ableToTake();
    if (able.length === 0) return;
    const own = new Set(workers().map(({ pid }) => path(pid)));
    const found = handoversIn(dirname(path(0)));
    failedTakers.keepOnly(found);
    const fresh = found.filter((it) => !own.has(it) && !orphans.has(it) && !failedTakers.isHopeless(it));
    for (const it of fresh) {
      const taker = able[turn++ % able.length];
      if (taker === undefined) continue;
      orphans.set(it, taker);
      taker.send({ kind: 'take', path: it });
    }
  }

  return {
    giveAway: (offered) => void (takers = offered ?? 'nobody'),
    takeBack: () => void (takers = 'ours'),
    look: findOrphans,
    takeOver: () => looks.begin(),
    close: () => looks.end(),
    pathFor(worker) {
      // A worker that is coming up can take later. If no worker ever can, do not wait for one.
      const isAlone =
        takers === 'ours' &&
        workers().every((it) => it === worker || it.engine !== 'native' || it.state === 'draining');
      if (worker.engine !== 'native' || isAlone || takers === 'nobody') return null;
      const before = givers.get(path(worker.pid));
      if (before !== undefined && before.share !== null) endShare(before, null);
      if (before === undefined || before.share !== null) begin(worker, null, before?.taker ?? null);
      return path(worker.pid);
    },
    share(from, to, most) {
      const isFree = (it: WorkerProcess): boolean => ableToTake().includes(it) && !givers.has(path(it.pid));
      if (from === to || !isFree(from) || !isFree(to)) return Promise.resolve(null);
      return new Promise((resolve) => {
        begin(from, { taker: to, over: resolve }, null);
        from.send({ kind: 'share', path: path(from.pid), connections: most });
      });
    },
    receive(worker, message) {
      if (message.kind === 'adopted') return adopted(worker, message);
      const giver = givers.get(path(worker.pid));
      if (giver?.worker !== worker) return;
      if (message.kind === 'given') return void (giver.through = message.all ? 'all' : 'yes');
      if (message.error === null) {
        giver.offers = true;
        if (typeof takers === 'function') takers();
        send(giver);
        return;
      }
      if (giver.share !== null) return endShare(giver, null);
      givers.delete(giver.path);
      logNoOffer(log, worker, message.error);
    },
    ready() {
      for (const giver of givers.values()) {
        giver.attempts = 0;
        send(giver);
      }
    },
    gone(worker) {
      const its = path(worker.pid);
      const own = givers.get(its);
      if (own !== undefined) endShare(own, null);
      if (own !== undefined) rmSync(its, { force: true });
      failedTakers.forget(its);
      for (const giver of givers.values()) {
        if (giver.share?.taker === worker) endShare(giver, null);
        if (giver.taker !== worker || giver.share !== null) continue;
        giver.taker = null;
        failedTakers.died(giver.path);
        send(giver);
      }
      const wasAsked = [...orphans].filter(([orphan, taker]) => taker === worker && orphans.delete(orphan));
      for (const [orphan] of wasAsked) failedTakers.died(orphan);
      if (wasAsked.length > 0) findOrphans();
    },
    moved() {
      movedAt = performance.now();
    },
    async settled(since, deadlineMs) {
      const began = performance.now();
      movedAt = began;
      const holds = ({ through, worker }: Giver): boolean => (through === 'yes' ? givesAll(worker) : through === 'no');
      const open = (): boolean =>
        [...givers.values()].some((it) => it.share === null && it.since >= since && holds(it));
      const isLate = (): boolean => performance.now() > Math.min(movedAt + deadlineMs, began + LONGEST_MS);
      while (open() && !isLate()) await pause(LOOK_MS);
    },
  };
}
