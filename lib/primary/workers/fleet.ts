// The workers: one slot for each, started all together, replaced one at a time, respawned when they die. Owner of the
// slots; all else about a worker is its WorkerProcess.

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

/** A worker that does not come up during a roll is tried so often. */
const ROLL_ATTEMPTS = 2;
const beingStopped = { ok: false, reason: 'bal is being stopped' } as const;

export interface FleetParts {
  readonly log: Log;
  readonly emit: (event: FleetEvent) => void;
  /** How many connections a worker had when it last reported. */
  readonly connectionsOf: (worker: WorkerProcess) => number;
  /** Where a worker that is replaced offers its connections; null: it keeps them. */
  readonly handoverPath: (worker: WorkerProcess) => string | null;
  /** forkWorker, or what stands in for it where there are to be no processes. */
  readonly startWorker?: typeof forkWorker;
}

/** What all workers of one configuration share. */
export interface Generation extends WorkerSetup {
  readonly listeners: readonly WorkerListener[];
  readonly number: number;
  readonly workers: number;
}

interface Slot {
  readonly id: number;
  /** What its worker serves, and what takes its place when it dies: during a roll not the same in all slots. */
  generation: Generation;
  worker: WorkerProcess | null;
  crashes: number;
  respawn: NodeJS.Timeout | null;
}

export interface Fleet {
  /** `standing` are workers of that generation that stand by and serve at once; where there are none, new ones are started. */
  start(generation: Generation, standing?: readonly WorkerProcess[]): Promise<ReadyResult>;
  /** Starts workers beside those that serve: they have all but their listening sockets, and take no slot before start(). */
  standBy(generation: Generation): Promise<StandBy>;
  /** Replaces all workers by ones of `next`, new first. On failure the workers of the old generation serve again. */
  roll(next: Generation): Promise<ReadyResult & { readonly replaced: number }>;
  /** All stop accepting and finish what they have; nobody takes their place until start(). */
  retireAll(): void;
  /** Gives these, which drain already, so much time at most, unless a stop gives them its own; resolves when they are gone. */
  hurry(workers: readonly WorkerProcess[], timeoutMs: number): Promise<void>;
  /** When the last connections of a draining worker are cut, in terms of performance.now(); Infinity: never. */
  drainsUntil(worker: WorkerProcess): number;
  /**
   * Stops accepting everywhere; resolves when no worker is left, with how many connections were cut since it
   * was called first. `timeoutMs` as in the message `drain`; may be called again to hurry a stop that is under way.
   */
  stop(timeoutMs: number | null): Promise<number>;
  /** Every live worker, the draining ones too. */
  all(): readonly WorkerProcess[];
  readonly respawned: number;
}

export function createFleet({ log, emit, connectionsOf, handoverPath, startWorker = forkWorker }: FleetParts): Fleet {
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
    const lost = connectionsOf(worker);
    emit({ kind: 'worker_gone', worker });
    // Without a last word it was killed, and its clients with it.
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

  /** Puts a new worker of `generation` into the slot, and drains the one that was there once the new one serves. */
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

  /** The slot of that number; a new one is for `generation`. */
  function slotOf(id: number, generation: Generation): Slot {
    const slot = slots.get(id) ?? { id, generation, worker: null, crashes: 0, respawn: null };
    slots.set(id, slot);
    return slot;
  }

  async function restore(slot: Slot, generation: Generation): Promise<void> {
    // Whatever comes of the swap: what dies from now on is replaced by the old generation.
    slot.generation = generation;
    await swap(slot, generation);
  }

  function retire(slot: Slot): void {
    if (slot.respawn !== null) clearTimeout(slot.respawn);
    slots.delete(slot.id);
    // A stop has told everybody how long they have; this would give them the time of a reload instead.
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
          // What starts next takes a processor, for which connections on their way to another worker would wait.
          if (old !== null && id < next.workers && old.engine === 'native') await handedOver(old);
          continue;
        }
        // Back to where we were: what was swapped gets workers of the old generation, new first again.
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
