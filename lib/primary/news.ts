// What workers have to say beyond their own start and end, and who is told. Owner of how many log lines they lost.

import { fromMachine } from '../machine-clock.ts';
import { unreachable } from '../unreachable.ts';
import type { Generations } from './reload/generations.ts';
import type { RootLog } from './log/log.ts';
import { createRefusals } from './stats/refusals.ts';
import type { Services } from './upstream/services.ts';
import type { SlotBook } from './limits/slot-book.ts';
import type { Registry } from './registry.ts';
import type { Publisher } from './snapshot/publisher.ts';
import type { Tally } from './stats/tally.ts';
import { serviceSum } from './stats/totals.ts';
import type { WorkerNews, WorkerProcess } from './workers/worker-process.ts';

export interface News {
  /** What a worker says is meant for the plan of its own generation. */
  hear(worker: WorkerProcess, message: WorkerNews): void;
  /** Log lines that workers could not send. */
  readonly linesDropped: number;
}

/** Who is told. */
export interface Audience {
  readonly generations: Generations;
  readonly registry: Registry;
  readonly services: Services;
  readonly slots: SlotBook;
  readonly tally: Tally;
  readonly publisher: Publisher;
  /** Connections of a worker that drains came to their end, maybe the last ones of a backend. */
  drained(): void;
}

export function createNews(log: RootLog, audience: Audience): News {
  const { generations, registry, services, slots, tally, publisher } = audience;
  const refusals = createRefusals(log.for('clients'));
  let linesDropped = 0;

  function hear(worker: WorkerProcess, message: WorkerNews): void {
    const own = generations.planOf(worker.generation);
    if (own === undefined) return;
    switch (message.kind) {
      case 'counters': {
        const fresh = tally.report(worker, message);
        services.connected(fresh.connected);
        for (let i = 0; i + 1 < message.reached.length; i += 2) {
          const found = registry.endpointOf(message.reached[i] ?? -1);
          if (found === undefined) continue;
          services.reached(found.service, found.address, fromMachine(message.reached[i + 1] ?? 0));
        }
        publisher.retired(worker, message.retired);
        for (const { name } of own.services) {
          refusals.observe(name, serviceSum(tally.totals, name).clients, performance.now());
        }
        if (fresh.loadsChanged) publisher.loadsChanged(own);
        if (fresh.loadsChanged && worker.state === 'draining') audience.drained();
        return;
      }
      case 'connect_failed': {
        const found = registry.endpointOf(message.endpoint);
        const { cause, count, began } = message;
        if (found !== undefined) services.connectFailed(found.service, found.address, cause, count, fromMachine(began));
        return;
      }
      case 'ask':
      case 'returned':
        slots.hear(worker, message);
        return;
      case 'log':
        for (const line of message.lines) log.for(line.module)[line.level](line.event, line.message, line.fields);
        linesDropped += message.dropped;
        return;
      case 'records':
        log.finished(message.lines);
        return;
      case 'records_dropped':
        linesDropped += message.count;
        return;
      default:
        unreachable(message);
    }
  }

  return {
    hear,
    get linesDropped() {
      return linesDropped;
    },
  };
}
