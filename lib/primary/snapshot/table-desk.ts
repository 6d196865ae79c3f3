// When workers get a new table. Owner of the tables' versions: of two tables that a worker gets, the one with the higher
// version counts.

import type { Plan } from '../../../config/plan.ts';
import type { Table } from '../../ipc/table.ts';
import { soon } from './soon.ts';
import type { TableSources } from './tables.ts';
import { tableFor } from './tables.ts';
import type { WorkerProcess } from '../workers/worker-process.ts';

export interface TableDesk {
  /** The table of a generation for a worker, null before it is forked. */
  make(number: number, worker: WorkerProcess | null): Table;
  /** Sends the worker a new one, now. */
  push(worker: WorkerProcess): void;
  /** A backend or a service is not what it was: all workers are told. */
  flipped(): void;
  /** Connections came or went: workers of this plan are told where it matters to them. */
  loadsChanged(plan: Plan): void;
  /** Nothing is sent any more. */
  cancel(): void;
}

export interface TableDeskParts extends TableSources {
  planOf(generation: number): Plan;
  /** All that live. */
  workers(): readonly WorkerProcess[];
}

/** Flips that come within this time go out in one table. */
const FLIPS_MS = 5;
/** Loads change with every connection, and each table goes to every worker: at most twenty rounds a second. */
const LOADS_MS = 50;

export function createTableDesk(parts: TableDeskParts): TableDesk {
  let version = 0;
  const round = soon(() => {
    for (const worker of parts.workers()) if (worker.state === 'ready') push(worker);
  });

  function make(number: number, worker: WorkerProcess | null): Table {
    return tableFor({ number, plan: parts.planOf(number), worker, version: ++version }, parts);
  }

  function push(worker: WorkerProcess): void {
    worker.pushTable(make(worker.generation, worker));
  }

  return {
    make,
    push,
    flipped: () => round.within(FLIPS_MS),
    loadsChanged({ services }) {
      if (services.some(({ method }) => method === 'least_connections')) round.within(LOADS_MS);
    },
    cancel: () => round.cancel(),
  };
}
