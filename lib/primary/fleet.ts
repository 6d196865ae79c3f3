// The workers: one slot for each, started all together, replaced one at a time, respawned when they die. Owner of the
// slots and of the draining workers; all else about a worker is its WorkerProcess.

import { backoff } from '../backoff.ts';
import type { Log } from './log.ts';
import type { Assignment, Exit, ReadyResult, WorkerNews, WorkerProcess } from './worker-process.ts';
import { exitReason, forkWorker } from './worker-process.ts';

/** A worker sends counters twice a second; one that is silent for so long hangs (or is stopped) and is replaced. */
const HEARTBEAT_LOST_MS = 5000;
const WATCH_MS = 500;
/** A worker that lived so long did not crash at start: the next respawn is immediate again. */
const STABLE_MS = 10_000;
const RESPAWN_INITIAL_MS = 100;
const RESPAWN_MAX_MS = 5000;
/** So many deaths in a row are a loop, told once. */
const LOOP_CRASHES = 5;
/** A draining worker ends itself at its deadline; this much later it is killed. */
const KILL_GRACE_MS = 3000;
/** A worker that does not come up during a roll is tried so often. */
const ROLL_ATTEMPTS = 2;

export interface FleetEvents {
  /** A worker process exists; it does not serve yet. */
  readonly forked: (worker: WorkerProcess) => void;
  /** A message of a worker that is not about its own start and end. */
  readonly news: (worker: WorkerProcess, message: WorkerNews) => void;
  /** It serves: give it what is particular to it. */
  readonly ready: (worker: WorkerProcess) => void;
  /** Its process is gone. */
  readonly gone: (worker: WorkerProcess, exit: Exit) => void;
}

/** What all workers of one configuration share. */
export interface Generation extends Assignment {
  readonly number: number;
  readonly workers: number;
}

interface Slot {
  readonly id: number;
  worker: WorkerProcess | null;
  crashes: number;
  respawn: NodeJS.Timeout | null;
}

export interface Fleet {
  start(generation: Generation): Promise<ReadyResult>;
  /** Replaces all workers by ones of `next`, new first. On failure the workers of the old generation serve again. */
  roll(next: Generation): Promise<ReadyResult & { readonly replaced: number }>;
  /** All workers stop accepting and finish what they have; nobody takes their place until start(). */
  retireAll(): void;
  /**
   * Stops accepting everywhere; resolves when no worker is left, with how many connections were cut by deadlines since
   * the start. `timeoutMs` as in the message `drain`; may be called again to hurry a stop that is under way.
   */
  stop(timeoutMs: number | null): Promise<number>;
  /** Every live worker, the draining ones too. */
  all(): readonly WorkerProcess[];
  readonly respawned: number;
}

export function createFleet(log: Log, events: FleetEvents): Fleet {
  const slots = new Map<number, Slot>();
  const live = new Set<WorkerProcess>();
  let active: Generation | null = null;
  let stopping = false;
  let respawned = 0;
  let cutInTotal = 0;

  function fork(id: number, generation: Generation): WorkerProcess {
    const worker = forkWorker(id, generation.number, generation, events.news);
    const startedAt = performance.now();
    live.add(worker);
    events.forked(worker);
    void worker.ready.then((result) => {
      if (!result.ok) return;
      log.info('worker.ready', `worker ${id} serves`, {
        worker: id,
        pid: worker.pid,
        generation: generation.number,
        engine: worker.engine,
        ready_ms: Math.round(performance.now() - startedAt),
      });
      events.ready(worker);
    });
    void worker.exited.then((exit) => ended(worker, exit, startedAt));
    return worker;
  }

  function ended(worker: WorkerProcess, exit: Exit, startedAt: number): void {
    live.delete(worker);
    cutInTotal += exit.cut ?? 0;
    events.gone(worker, exit);
    const slot = slots.get(worker.id);
    const wasServing = slot?.worker === worker;
    const fields = {
      worker: worker.id,
      pid: worker.pid,
      generation: worker.generation,
      reason: exitReason(exit.code, exit.signal),
    };
    if (!wasServing || stopping) {
      log.info('worker.exited', `worker ${worker.id} is gone`, { ...fields, cut: exit.cut });
      return;
    }
    slot.worker = null;
    slot.crashes = performance.now() - startedAt > STABLE_MS ? 0 : slot.crashes + 1;
    const delayMs = slot.crashes <= 1 ? 0 : backoff(RESPAWN_INITIAL_MS, RESPAWN_MAX_MS, slot.crashes - 1);
    log.error('worker.exited', `worker ${worker.id} died`, { ...fields, respawn_in_ms: delayMs });
    if (slot.crashes === LOOP_CRASHES) {
      log.error('worker.crash_loop', `worker ${worker.id} keeps dying`, {
        worker: worker.id,
        what_happened: `worker ${worker.id} died ${LOOP_CRASHES} times in a row (${fields.reason})`,
        why_likely: 'a broken installation, no memory left, or a defect',
        do_this_now: "run 'bal doctor --verbose' and look at logs/bal.err",
      });
    }
    scheduleRespawn(slot, delayMs);
  }

  function scheduleRespawn(slot: Slot, delayMs: number): void {
    if (stopping || active === null || slot.id > active.workers) return;
    slot.respawn = setTimeout(() => {
      slot.respawn = null;
      if (stopping || active === null || slot.worker !== null) return;
      respawned++;
      slot.worker = fork(slot.id, active);
    }, delayMs);
  }

  function drain(worker: WorkerProcess, timeoutMs: number | null): void {
    worker.drain(timeoutMs, stopping ? 'stopped' : 'drain');
    const killer = setTimeout(() => worker.kill(), (timeoutMs ?? worker.drainMs) + KILL_GRACE_MS);
    void worker.exited.then(() => clearTimeout(killer));
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
      slot.crashes = 0;
      if (old !== null) drain(old, null);
      return result;
    }
    return stopping ? { ok: false, reason: 'bal is being stopped' } : result;
  }

  function slotOf(id: number): Slot {
    const slot = slots.get(id) ?? { id, worker: null, crashes: 0, respawn: null };
    slots.set(id, slot);
    return slot;
  }

  function retire(slot: Slot): void {
    if (slot.respawn !== null) clearTimeout(slot.respawn);
    slots.delete(slot.id);
    if (slot.worker !== null) drain(slot.worker, null);
  }

  let watchedAt = performance.now();
  const watcher = setInterval(() => {
    const now = performance.now();
    const late = now - watchedAt > 2 * WATCH_MS;
    watchedAt = now;
    // When this process was itself stopped or starved, the workers' messages are still unread.
    if (late) return;
    for (const { worker } of slots.values()) {
      if (worker === null || worker.state !== 'ready' || now - worker.heardAt < HEARTBEAT_LOST_MS) continue;
      log.error('worker.hung', `worker ${worker.id} does not answer and is replaced`, {
        worker: worker.id,
        pid: worker.pid,
        silent_ms: Math.round(now - worker.heardAt),
      });
      worker.kill();
    }
  }, WATCH_MS);
  watcher.unref();

  return {
    async start(generation) {
      active = generation;
      const ids = Array.from({ length: generation.workers }, (_, i) => i + 1);
      const results = await Promise.all(
        ids.map((id) => {
          const slot = slotOf(id);
          slot.worker = fork(id, generation);
          return slot.worker.ready;
        }),
      );
      return results.find((result) => !result.ok) ?? { ok: true };
    },

    async roll(next) {
      const previous = active;
      let replaced = 0;
      for (let id = 1; id <= next.workers; id++) {
        const result = await swap(slotOf(id), next);
        if (result.ok) {
          replaced++;
          continue;
        }
        // Back to where we were: what was swapped gets workers of the old generation, new first again.
        if (previous !== null) {
          for (let back = 1; back < id && !stopping; back++) await swap(slotOf(back), previous);
          for (const slot of slots.values()) if (slot.id > previous.workers) retire(slot);
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

    async stop(timeoutMs) {
      stopping = true;
      for (const slot of slots.values()) if (slot.respawn !== null) clearTimeout(slot.respawn);
      for (const worker of live) drain(worker, timeoutMs);
      await Promise.all([...live].map((worker) => worker.exited));
      clearInterval(watcher);
      return cutInTotal;
    },

    all: () => [...live],
    get respawned() {
      return respawned;
    },
  };
}
