// Which worker takes the connections of one that is replaced, or a share of those of one that goes on. Owner of who gives to whom;
// the connections themselves go from worker to worker over a socket in the home, and never through here.

import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { handoversIn, pidOfHandover } from '../../paths.ts';
import type { Log } from '../log/log.ts';
import type { WorkerMessage, WorkerProcess } from './worker-process.ts';

/** A taker that could not is followed by another so often; each may have its own reason. */
const ATTEMPTS = 3;
const LOOK_MS = 10;
/** Whoever reloads waits no longer than that for connections that go one after the other. */
const LONGEST_MS = 30_000;
/** Since the start: one whose primary has just died may not listen yet, or be busy. */
const ORPHANS_MS = [0, 500, 2000, 5000];

export interface Handovers {
  /** Where a worker is to offer its connections; null: it keeps them. */
  pathFor(worker: WorkerProcess): string | null;
  receive(worker: WorkerProcess, message: Extract<WorkerMessage, { kind: 'giving' | 'given' | 'adopted' }>): void;
  /**
   * One that goes on gives another so many of its connections at most. Resolves with how many have gone, when all that can have; null:
   * not now, or it has failed.
   */
  share(from: WorkerProcess, to: WorkerProcess, most: number): Promise<number | null>;
  /** A worker serves: it can take. */
  ready(): void;
  gone(worker: WorkerProcess): void;
  /**
   * From now on all that can go is for workers of another primary; `offered` is called for each that offers what it has. Null: it is for
   * the workers here again.
   */
  giveAway(offered: (() => void) | null): void;
  /** Those that offer their connections in this home, and are no workers of ours, are asked for them. */
  look(): void;
  /** Workers that have outlived their primary, an earlier one in this home, are found, and theirs taken over. */
  takeOver(): void;
  close(): void;
  /** Connections have just come to a worker that takes them. */
  moved(): void;
  /**
   * Of the workers that are being replaced since then (performance.now()): resolves when all that could go have gone, and those have
   * ended that have none left; at the latest when none has gone for `deadlineMs`.
   */
  settled(since: number, deadlineMs: number): Promise<void>;
}

export interface HandoversParts {
  readonly log: Log;
  /** A socket's path, by pid. */
  readonly path: (pid: number) => string;
  /** All that live. */
  readonly workers: () => readonly WorkerProcess[];
  /** None of its connections has to stay with it. */
  readonly givesAll: (worker: WorkerProcess) => boolean;
}

interface Giver {
  readonly worker: WorkerProcess;
  readonly path: string;
  /** It listens. */
  offers: boolean;
  /** What is left with it cannot go. */
  isThrough: boolean;
  taker: WorkerProcess | null;
  /** Without a connection taken. */
  attempts: number;
  readonly since: number;
  /** Who alone takes what it gives, and goes on itself; null: it gives all that can go. */
  readonly share: { readonly taker: WorkerProcess; readonly over: (connections: number | null) => void } | null;
}

export function createHandovers({ log, path, workers, givesAll }: HandoversParts): Handovers {
  /** By the paths. */
  const givers = new Map<string, Giver>();
  /** Paths of orphans whose connections are being taken, and by whom. */
  const orphans = new Map<string, WorkerProcess>();
  let turn = 0;
  let looks: NodeJS.Timeout[] = [];
  let movedAt = 0;
  /** Set while another primary's workers take. */
  let givenAway: (() => void) | null = null;

  function able(): WorkerProcess[] {
    return workers().filter(({ state, engine }) => state === 'ready' && engine === 'native');
  }

  /** The worker in its place if there is one, else each in turn. */
  function takerFor({ worker: { id, pid }, share }: Giver): WorkerProcess | undefined {
    if (share !== null) return share.taker;
    const others = able().filter((it) => it.pid !== pid);
    return others.find((it) => it.id === id) ?? others[(id - 1) % others.length];
  }

  function send(giver: Giver): void {
    if (givenAway !== null || !giver.offers || giver.taker !== null || giver.attempts >= ATTEMPTS) return;
    const taker = takerFor(giver);
    if (taker === undefined) return;
    giver.attempts++;
    giver.taker = taker;
    taker.send({ kind: 'take', path: giver.path });
  }

  function adopted(taker: WorkerProcess, message: Extract<WorkerMessage, { kind: 'adopted' }>): void {
    const { connections, refused, why, standstill: standstill_ms } = message;
    const giver = givers.get(message.path);
    const wasOrphan = orphans.delete(message.path);
    // Nobody listens there any more: it is just ending, or was left behind.
    const isEnding = why === 'ECONNREFUSED' || why === 'ENOENT' || (wasOrphan && !existsSync(message.path));
    if (wasOrphan && isEnding) return rmSync(message.path, { force: true });
    const from = pidOfHandover(message.path);
    const fields = { worker: taker.id, pid: taker.pid, from, connections, refused, why, standstill_ms };
    const many = connections === 1 ? '1 connection goes' : `${connections} connections go`;
    const isShare = giver !== undefined && giver.share !== null;
    if (connections > 0 && isShare) log.debug('connections.handed_over', `${many} on in worker ${taker.id}`, fields);
    else if (connections > 0) log.info('connections.handed_over', `${many} on in worker ${taker.id}`, fields);
    if (isShare) return endShare(giver, why === null || isEnding || connections > 0 ? connections : null);
    if (refused > 0 || (why !== null && !isEnding && (giver !== undefined || wasOrphan))) {
      log.warn('handover.incomplete', 'connections stay with the worker that has them', fields);
    }
    if (giver?.taker !== taker) return;
    giver.taker = null;
    // As long as it lives it may have more: the other side was full, or did not know yet where some lead to.
    if (connections > 0) giver.attempts = 0;
    send(giver);
  }

  function endShare(giver: Giver, connections: number | null): void {
    if (givers.get(giver.path) === giver) givers.delete(giver.path);
    giver.share?.over(connections);
  }

  /** `taker`: of a share that is not over, which comes to its end first. */
  function begin(worker: WorkerProcess, share: Giver['share'], taker: WorkerProcess | null): void {
    const its = path(worker.pid);
    const since = performance.now();
    givers.set(its, { worker, path: its, offers: false, isThrough: false, taker, attempts: 0, since, share });
  }

  /** Those that are no worker of ours. */
  function findOrphans(): void {
    const takers = able();
    if (takers.length === 0) return;
    const own = new Set(workers().map(({ pid }) => path(pid)));
    const found = handoversIn(dirname(path(0)));
    const fresh = found.filter((it) => !own.has(it) && !orphans.has(it));
    for (const it of fresh) {
      const taker = takers[turn++ % takers.length];
      if (taker === undefined) continue;
      orphans.set(it, taker);
      taker.send({ kind: 'take', path: it });
    }
  }

  return {
    giveAway(offered) {
      givenAway = offered;
    },
    look: findOrphans,
    takeOver() {
      looks = ORPHANS_MS.map((ms) => setTimeout(findOrphans, ms).unref());
    },
    close: () => looks.forEach((timer) => clearTimeout(timer)),
    pathFor(worker) {
      // One that is only coming up can take later; where none ever can, nobody is to wait for it.
      const isAlone =
        givenAway === null &&
        workers().every((it) => it === worker || it.engine !== 'native' || it.state === 'draining');
      if (worker.engine !== 'native' || isAlone) return null;
      const before = givers.get(path(worker.pid));
      if (before !== undefined && before.share !== null) endShare(before, null);
      if (before === undefined || before.share !== null) begin(worker, null, before?.taker ?? null);
      return path(worker.pid);
    },
    share(from, to, most) {
      const isFree = (it: WorkerProcess): boolean => able().includes(it) && !givers.has(path(it.pid));
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
      if (message.kind === 'given') {
        giver.isThrough = true;
        return;
      }
      if (message.error === null) {
        giver.offers = true;
        givenAway?.();
        send(giver);
        return;
      }
      if (giver.share !== null) return endShare(giver, null);
      givers.delete(giver.path);
      const { id, pid } = worker;
      log.warn('handover.incomplete', `worker ${id} keeps its connections: ${message.error}`, {
        worker: id,
        pid,
        error: message.error,
      });
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
      for (const giver of givers.values()) {
        if (giver.share?.taker === worker) endShare(giver, null);
        if (giver.taker !== worker || giver.share !== null) continue;
        giver.taker = null;
        send(giver);
      }
      const wasAsked = [...orphans].filter(([orphan, taker]) => taker === worker && orphans.delete(orphan));
      if (wasAsked.length > 0) findOrphans();
    },
    moved() {
      movedAt = performance.now();
    },
    async settled(since, deadlineMs) {
      const began = performance.now();
      movedAt = began;
      const open = (): boolean =>
        [...givers.values()].some(
          (it) => it.share === null && it.since >= since && (!it.isThrough || givesAll(it.worker)),
        );
      const isLate = (): boolean => performance.now() > Math.min(movedAt + deadlineMs, began + LONGEST_MS);
      while (open() && !isLate()) await pause(LOOK_MS);
    },
  };
}
