// Old workers, which take no more clients and live until their connections end: reports how many there are and until when, and
// limits their number.

import { setTimeout as pause } from 'node:timers/promises';

import type { DrainingStatus } from '../../control/protocol.ts';
import type { Fleet } from '../workers/fleet.ts';
import type { Log } from '../log/log.ts';
import type { Statistics } from '../stats/statistics.ts';
import { clientsWith } from '../stats/totals.ts';
import type { WorkerProcess } from '../workers/worker-process.ts';

/** Besides the serving generation. Each one costs memory and descriptors as long as its longest connection lasts. */
const MAX_OLD_GENERATIONS = 32;
/** The time for the connections of the oldest generation when there are too many. */
const ENDING_MS = 1000;
/** A generation with only short connections is gone by then. */
const PATIENCE_MS = 2000;
const LOOK_MS = 50;
/** A hung worker must not hold up the reload. */
const COUNTERS_MS = 1000;

export interface OldWorkersParts {
  readonly fleet: Fleet;
  readonly statistics: Statistics;
}

type Looked = Pick<OldWorkersParts, 'statistics'> & { readonly fleet: Pick<Fleet, 'all' | 'drainsUntil'> };

/** Counts the draining workers that had connections at their last report, here and in the program before an upgrade. */
export function drainingStatus({ fleet, statistics }: Looked): DrainingStatus {
  const old = drainingOf(fleet).flatMap((worker) => {
    const connections = connectionsOf(statistics, worker);
    return connections === 0 ? [] : [{ connections, generation: worker.generation, until: fleet.drainsUntil(worker) }];
  });
  const until = old.length === 0 ? Infinity : Math.max(...old.map((worker) => worker.until));
  const ours = {
    connections: old.reduce((sum, { connections }) => sum + connections, 0),
    workers: old.length,
    generations: new Set(old.map(({ generation }) => generation)).size,
    until: until === Infinity ? null : new Date(Date.now() + until - performance.now()).toISOString(),
  };
  return together(ours, statistics.heldDraining);
}

function together(ours: DrainingStatus, held: DrainingStatus | null): DrainingStatus {
  if (held === null || held.connections === 0) return ours;
  if (ours.connections === 0) return held;
  const times = [ours.until, held.until].flatMap((it) => (it === null ? [] : [it])).sort();
  return {
    connections: ours.connections + held.connections,
    workers: ours.workers + held.workers,
    generations: ours.generations + held.generations,
    until: times[1] ?? null, // null: one of them has no end
  };
}

/** Ends the oldest generations beyond `most`. Resolves when they are gone. */
export async function endOldest(
  { fleet, statistics }: OldWorkersParts,
  log: Log,
  most = MAX_OLD_GENERATIONS,
): Promise<void> {
  const giveUp = performance.now() + PATIENCE_MS;
  while (beyond(drainingOf(fleet), most).length > 0 && performance.now() < giveUp) await pause(LOOK_MS);
  const ending = beyond(drainingOf(fleet), most);
  if (ending.length === 0) return;
  await statistics.refresh(ending, COUNTERS_MS);
  for (const generation of new Set(ending.map((worker) => worker.generation))) {
    const workers = ending.filter((worker) => worker.generation === generation);
    log.warn('generation.ending', `generation ${generation} has to end: more than ${most} old ones have connections`, {
      generation,
      workers: workers.length,
      connections: workers.reduce((sum, worker) => sum + connectionsOf(statistics, worker), 0),
      cut_in_ms: ENDING_MS,
    });
  }
  await fleet.hurry(ending, ENDING_MS);
}

/** The workers of all but the newest `most` generations. */
export function beyond<T extends Pick<WorkerProcess, 'generation'>>(workers: readonly T[], most: number): T[] {
  const numbers = [...new Set(workers.map(({ generation }) => generation))].sort((a, b) => b - a);
  const kept = new Set(numbers.slice(0, most));
  return workers.filter(({ generation }) => !kept.has(generation));
}

function drainingOf(fleet: Pick<Fleet, 'all'>): WorkerProcess[] {
  return fleet.all().filter(({ state }) => state === 'draining');
}

function connectionsOf({ totals }: Statistics, { pid }: WorkerProcess): number {
  return clientsWith(totals, pid);
}
