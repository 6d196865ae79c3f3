// What each worker is told: a table made from the services' state, the slot pools and the other workers' loads.

import { connectionsCarried } from '../../../config/advice.ts';
import { thisMachine } from '../../../config/machine.ts';
import type { LogConnections, LogLevel, Plan } from '../../../config/plan.ts';
import type { Table } from '../../ipc/table.ts';
import type { Services } from '../upstream/services.ts';
import type { SlotBook } from '../limits/slot-book.ts';
import type { Tally } from '../stats/tally.ts';
import { elsewhere, serviceSum } from '../stats/totals.ts';
import type { WorkerProcess } from '../workers/worker-process.ts';

/** Workers inherit the primary's limit. */
const { descriptors } = thisMachine();

export interface TableFor {
  /** Of the generation that `plan` belongs to. */
  readonly number: number;
  readonly plan: Plan;
  readonly version: number;
  /** Null before it is forked: then all loads are elsewhere. */
  readonly worker: WorkerProcess | null;
}

export interface TableSources {
  readonly services: Services;
  readonly slots: SlotBook;
  readonly tally: Tally;
}

export function tableFor({ number, plan, version, worker }: TableFor, sources: TableSources): Table {
  const { services, slots, tally } = sources;
  return {
    generation: number,
    version,
    logLevel: plan.logLevel,
    logConnections: recordsAt(plan.logLevel, plan.logConnections),
    carries: descriptors === null ? null : connectionsCarried(descriptors, plan.services.length),
    services: plan.services.map((service, index) => {
      const first = plan.services.slice(0, index).reduce((sum, { backends }) => sum + backends.length, 0);
      const loadOf = (address: string, backend: number): number =>
        service.method === 'least_connections'
          ? elsewhere(tally.totals, worker?.pid ?? 0, service.name, address, backend)
          : 0;
      return {
        name: service.name,
        method: service.method,
        routes: service.backends.map(({ address, port }, place) => ({
          backend: first + place,
          name: address,
          port,
          ...services.route(service.name, address, place),
          elsewhere: loadOf(address, first + place),
        })),
        guarded: services.guarded(service.name),
        connectTimeoutMs: service.runtime.connectTimeoutMs,
        idleMs: service.runtime.idleMs,
        keepaliveMs: service.runtime.keepaliveMs,
        halfClosedMs: service.runtime.halfClosedMs,
        backlog: service.runtime.backlog,
        drainMs: service.runtime.drainMs,
        reloadDrainMs: service.runtime.reloadDrainMs,
        cooldownMs: service.runtime.cooldownMs,
        start: serviceSum(tally.totals, service.name).clients.accepted_total,
        pool: slots.poolOf(plan, index),
      };
    }),
  };
}

/** Those of failed connections are warnings, all others are information: a higher log level leaves them out. */
export function recordsAt(level: LogLevel, wanted: LogConnections): LogConnections {
  if (level === 'error') return 'none';
  return level === 'warn' && wanted === 'all' ? 'failed' : wanted;
}
