// The workers: started all together, replaced one at a time, respawned when they die. Owns the slots, one per worker;
// WorkerProcess has everything else about a worker.

import { createDrainDeadlines, handedOver } from './drain-deadlines.ts';
import { watchForHung } from './watchdog.ts';
import type { Log } from '../log/log.ts';
import type { FleetEvent } from './fleet-event.ts';
import { LOOP_CRASHES, respawnDelay, STABLE_MS } from './respawn.ts';
import type { StandBy } from './stand-by.ts';
import { allUp, firstFailure, idsOf } from './stand-by.ts';
import type { Exit, ReadyResult, WorkerListener, WorkerProcess, WorkerSetup } from './worker-process.ts';
import { forkWorker } from './worker-process.ts';
import { logDeath, logEnd, logCrashLoop, logReady } from './worker-log.ts';

/** Attempts per worker in a roll. */
const ROLL_ATTEMPTS = 2;
const beingStopped = { ok: false, reason: 'bal is being stopped' } as const;

export interface FleetParts {
  readonly log: Log;
  readonly emit: (event: FleetEvent) => void;
  /** By its last report, how many connections a worker had that it has cut because of a drain, or that died with it. */
  readonly lostWith: (worker: WorkerProcess) => number;
  /** The path where a replaced worker offers its connections; null: it keeps them. */
  readonly handoverPath: (worker: WorkerProcess) => string | null;
  /** forkWorker, or a fake for tests without processes. */
  readonly startWorker?: typeof forkWorker;
}

/** The settings that all workers of one configuration share. */
export interface Generation extends WorkerSetup {
  readonly listeners: readonly WorkerListener[];
  readonly number: number;
  readonly workers: number;
}

interface Slot {
  readonly id: number;
  /** The generation of its worker and of a respawned one. Differs between slots during a roll. */
  generation: Generation;
  worker: WorkerProcess | null;
  crashes: number;
  respawn: NodeJS.Timeout | null;
}

export interface Fleet {
  /** Starts all workers. Those in `standing` stand by and serve at once; missing ones are forked. */
  start(generation: Generation, standing?: readonly WorkerProcess[]): Promise<ReadyResult>;
  /** Starts workers beside the serving ones. They have everything but listening sockets, and take no slot before start(). */
  standBy(generation: Generation): Promise<StandBy>;
  /** Replaces all workers by ones of `next`: a new one is ready before the old one drains. On failure the old generation serves again. */
  roll(next: Generation): Promise<ReadyResult & { readonly replaced: number }>;
  /** Drains all workers. None is replaced until start(). */
  retireAll(): void;
  /** Shortens the time of workers that drain already, unless a stop is under way. Resolves when they are gone. */
  hurry(workers: readonly WorkerProcess[], timeoutMs: number): Promise<void>;
  /** When the last connections of a draining worker are cut (performance.now()); Infinity: never. */
  drainsUntil(worker: WorkerProcess): number;
  /**
   * Stops accepting everywhere. Resolves when no worker is left, with the number of connections cut since the first call.
   * `timeoutMs` is that of the message `drain`. May be called again, to hurry.
   */
  stop(timeoutMs: number | null): Promise<number>;
  /** All live workers, including draining ones. */
  all(): readonly WorkerProcess[];
  readonly respawned: number;
}

export function createFleet({ log, emit, lostWith, handoverPath, startWorker = forkWorker }: FleetParts): Fleet {
  const slots = new Map<number, Slot>();
  const live = new Set<WorkerProcess>();
  const deadlines = createDrainDeadlines();
  let active: Generation | null = null;
  let stopping = false;
  let respawned = 0;
  let cutByStop = 0;

  function fork(id: number, generation: Generation, standsBy = false): WorkerProcess {
    const setup = standsBy ? { ...generation, listeners: null } : generation;
    const worker = startWorker(id, generation.number, setup, (from, message) =>
      emit({ kind: 'worker_message', worker: from, message }),
    );
    const startedAt = performance.now();
    live.add(worker);
    emit({ kind: 'worker_forked', worker });
    void worker.ready.then(({ ok }) => {
      if (!ok) return;
      logReady(log, worker, performance.now() - startedAt);
      emit({ kind: 'worker_ready', worker });
    });
    void worker.exited.then((exit) => ended(worker, exit, startedAt));
    return worker;
  }

  function ended(worker: WorkerProcess, exit: Exit, startedAt: number): void {
    live.delete(worker);
    deadlines.forget(worker);
    const lost = lostWith(worker);
    emit({ kind: 'worker_gone', worker });
    // Without a `drained` message it was killed, and its clients are lost.
    const cut = exit.cut ?? lost;
    if (stopping) cutByStop += cut;
    const slot = slots.get(worker.id);
    if (slot?.worker !== worker || stopping) return logEnd(log, worker, exit, cut);
    slot.worker = null;
    slot.crashes = performance.now() - startedAt > STABLE_MS ? 0 : slot.crashes + 1;
    const others = [...slots.values()].some((other) => other.worker !== null);
    const delayMs = respawnDelay(slot.crashes, others);
    logDeath(log, worker, exit, lost, delayMs);
    if (slot.crashes === LOOP_CRASHES) logCrashLoop(log, worker, exit);
    scheduleRespawn(slot, delayMs);
  }

  function scheduleRespawn(slot: Slot, delayMs: number): void {
    if (stopping) return;
    slot.respawn = setTimeout(() => {
      slot.respawn = null;
      if (stopping || slot.worker !== null) return;
      respawned++;
      slot.worker = fork(slot.id, slot.generation);
    }, delayMs);
  }

  function drain(worker: WorkerProcess, timeoutMs: number | null): void {
    const why = stopping ? 'stopped' : 'drain';
    worker.drain(timeoutMs, why, why === 'drain' && timeoutMs === null ? handoverPath(worker) : null);
    deadlines.set(worker, timeoutMs, why);
    emit({ kind: 'worker_draining', worker });
  }

  /** Puts a new worker of `generation` into the slot, and drains the old one once the new one serves. */
  async function swap(slot: Slot, generation: Generation): Promise<ReadyResult> {
    let result: ReadyResult = { ok: false, reason: 'was not tried' };
    for (let attempt = 0; attempt < ROLL_ATTEMPTS && !stopping; attempt++) {
      const fresh = fork(slot.id, generation);
      result = await fresh.ready;
      if (!result.ok) {
        fresh.kill();
        continue;
      }
      if (slot.respawn !== null) clearTimeout(slot.respawn);
      slot.respawn = null;
      const old = slot.worker;
      slot.worker = fresh;
      slot.generation = generation;
      slot.crashes = 0;
      if (old !== null) drain(old, null);
      return result;
    }
    return stopping ? beingStopped : result;
  }

  /** Returns the slot with that number; a new slot gets `generation`. */
  function slotOf(id: number, generation: Generation): Slot {
    const slot = slots.get(id) ?? { id, generation, worker: null, crashes: 0, respawn: null };
    slots.set(id, slot);
    return slot;
  }

  async function restore(slot: Slot, generation: Generation): Promise<void> {
    // Even if the swap fails, respawn the old generation from now on.
    slot.generation = generation;
    await swap(slot, generation);
  }

  function retire(slot: Slot): void {
    if (slot.respawn !== null) clearTimeout(slot.respawn);
    slots.delete(slot.id);
    // A stop has given all workers their time. Draining now would replace it by the time of a reload.
    if (slot.worker !== null && !stopping) drain(slot.worker, null);
  }

  const watch = watchForHung(log, () => [...live]);

  return {
    async start(generation, standing = []) {
      if (stopping) return beingStopped;
      active = generation;
      const results = await Promise.all(
        idsOf(generation).map((id) => {
          const ready = standing.find((worker) => worker.id === id && worker.state === 'forked');
          ready?.listen(generation.listeners);
          const worker = ready ?? fork(id, generation);
          slotOf(id, generation).worker = worker;
          return worker.ready;
        }),
      );
      return firstFailure(results) ?? { ok: true };
    },

    async standBy(generation) {
      if (stopping) return beingStopped;
      const result = await allUp(idsOf(generation).map((id) => fork(id, generation, true)));
      return stopping ? beingStopped : result;
    },

    async roll(next) {
      const previous = active;
      let replaced = 0;
      for (let id = 1; id <= next.workers; id++) {
        const old = slots.get(id)?.worker ?? null;
        const result = await swap(slotOf(id, next), next);
        if (result.ok) {
          replaced++;
          // The next fork takes a processor, which would delay connections on their way to another worker.
          if (old !== null && id < next.workers && old.engine === 'native') await handedOver(old);
          continue;
        }
        // Roll back: swapped slots get workers of the old generation, again the new one before the old one drains.
        if (previous !== null) {
          for (const slot of slots.values()) {
            if (slot.id > previous.workers) retire(slot);
            else if (slot.id < id) await restore(slot, previous);
          }
        }
        return { ...result, replaced: 0 };
      }
      active = next;
      for (const slot of slots.values()) if (slot.id > next.workers) retire(slot);
      return { ok: true, replaced };
    },

    retireAll() {
      active = null;
      for (const slot of slots.values()) retire(slot);
    },

    async hurry(workers, timeoutMs) {
      if (stopping) return;
      workers.forEach((worker) => drain(worker, timeoutMs));
      await Promise.all(workers.map(({ exited }) => exited));
    },

    async stop(timeoutMs) {
      stopping = true;
      for (const slot of slots.values()) if (slot.respawn !== null) clearTimeout(slot.respawn);
      for (const worker of live) drain(worker, timeoutMs);
      await Promise.all([...live].map((worker) => worker.exited));
      watch.stop();
      return cutByStop;
    },

    drainsUntil: (worker) => deadlines.until(worker),
    all: () => [...live],
    get respawned() {
      return respawned;
    },
  };
}
