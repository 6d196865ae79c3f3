// Routes events: owners emit what happened to them and do not know who needs it. Owns the count of log lines that workers lost.

import { routedListeners } from '../../config/listeners.ts';
import type { Catalog } from '../ipc/handover.ts';
import { fromMachine } from '../machine-clock.ts';
import { unreachable } from '../unreachable.ts';
import type { PermitBook } from './limits/permits.ts';
import type { RootLog } from './log/log.ts';
import type { Registry } from './registry.ts';
import type { Generations } from './reload/generations.ts';
import type { Publisher } from './snapshot/publisher.ts';
import { createRefusals } from './stats/refusals.ts';
import type { Statistics } from './stats/statistics.ts';
import { serviceSum } from './stats/totals.ts';
import type { Discovery } from './upstream/discovery/discovery.ts';
import type { ServicesEvent } from './upstream/service.ts';
import type { Services } from './upstream/services.ts';
import type { Handovers } from './handovers/handovers.ts';
import type { FleetEvent } from './workers/fleet-event.ts';
import type { WorkerMessage, WorkerProcess } from './workers/worker-process.ts';

export type OwnerEvent = FleetEvent | ServicesEvent;

export interface Route {
  /** Drops events before connect(). */
  readonly emit: (event: OwnerEvent) => void;
  /** Called once, when all parts exist. */
  connect(audience: Audience): void;
  /** Log lines that workers could not send. */
  readonly linesDropped: number;
}

export interface Audience {
  readonly generations: Pick<Generations, 'planOf'>;
  readonly registry: Pick<Registry, 'endpointOf'>;
  readonly services: Pick<Services, 'connected' | 'used' | 'reached' | 'connectFailed' | 'earlyFailures'>;
  readonly permits: Pick<PermitBook, 'receive' | 'leaving' | 'forget'>;
  readonly statistics: Pick<Statistics, 'totals' | 'join' | 'leave' | 'report'>;
  readonly publisher: Pick<Publisher, 'push' | 'changed' | 'loadsChanged' | 'retired' | 'forget'>;
  readonly discovery: Pick<Discovery, 'askAgain'>;
  /** Ends connections to a backend that is down. */
  resetDown(service: string, address: string): void;
  readonly handovers: Pick<Handovers, 'receive' | 'ready' | 'gone' | 'moved'>;
  /** Tells a worker where the connections lead that it takes over. */
  adopting(worker: WorkerProcess, path: string, catalog: Catalog): void;
  /** Connections of a draining worker have ended, perhaps the last ones of a backend. */
  forgetBackends(): void;
  /** A worker or one of its endpoints is gone, perhaps the last that used a plan, an id or a backend. */
  forget(): void;
}

export function createRoute(log: RootLog): Route {
  const refusals = createRefusals(log.for('clients'));
  let audience: Audience | null = null;
  let linesDropped = 0;

  function route(event: OwnerEvent, to: Audience): void {
    const { statistics, permits, publisher } = to;
    switch (event.kind) {
      case 'endpoints_changed':
        return publisher.changed();
      case 'backend_down':
        return to.resetDown(event.service, event.address);
      case 'name_in_doubt':
        return to.discovery.askAgain(event.name);
      case 'worker_forked':
        return statistics.join(event.worker);
      case 'worker_ready':
        publisher.push(event.worker);
        return to.handovers.ready();
      case 'worker_draining':
        return permits.leaving(event.worker);
      case 'worker_gone': {
        const lost = statistics.leave(event.worker);
        permits.forget(event.worker);
        publisher.forget(event.worker);
        to.handovers.gone(event.worker);
        if (lost > 0) publisher.loadsChanged();
        to.forget();
        return refusals.retain(statistics.totals.services);
      }
      case 'worker_message':
        return routeMessage(event.worker, event.message, to);
      default:
        return unreachable(event);
    }
  }

  function routeMessage(worker: WorkerProcess, message: WorkerMessage, to: Audience): void {
    const { generations, registry, services, permits, statistics, publisher } = to;
    const plan = generations.planOf(worker.generation);
    if (plan === undefined) return;
    switch (message.kind) {
      case 'counters': {
        const fresh = statistics.report(worker, message);
        services.connected(fresh.connected);
        for (const { service, address } of fresh.taken) services.used(service, address);
        for (let i = 0; i + 1 < message.reached.length; i += 2) {
          const found = registry.endpointOf(message.reached[i] ?? -1);
          if (found === undefined) continue;
          services.reached(found.service, found.address, fromMachine(message.reached[i + 1] ?? 0));
        }
        if (message.retired.length > 0) {
          publisher.retired(worker, message.retired);
          to.forget();
        }
        for (const name of [...plan.services.map((it) => it.name), ...routedListeners(plan).map((it) => it.address)]) {
          refusals.observe(name, serviceSum(statistics.totals, name).clients, performance.now());
        }
        if (fresh.loadsChanged) publisher.loadsChanged();
        if (worker.state !== 'draining') return;
        // It needs snapshots only since clients wait there, and no change may trigger one.
        publisher.push(worker);
        if (fresh.loadsChanged) to.forgetBackends();
        return;
      }
      case 'connect_failed': {
        const found = registry.endpointOf(message.endpoint);
        const { cause, count, began } = message;
        if (found !== undefined) {
          services.connectFailed(found.service, found.address, cause, count, fromMachine(began));
        }
        return;
      }
      case 'early_failures': {
        const found = registry.endpointOf(message.endpoint);
        if (found !== undefined) services.earlyFailures(found.service, found.address, fromMachine(message.began));
        return;
      }
      case 'ask':
      case 'returned':
        return permits.receive(worker, message);
      case 'took':
        to.handovers.moved();
        return permits.receive(worker, message);
      case 'giving':
      case 'given':
      case 'adopted':
        return to.handovers.receive(worker, message);
      case 'adopting':
        return to.adopting(worker, message.path, message.catalog);
      case 'log':
        for (const line of message.lines) log.for(line.module)[line.level](line.event, line.message, line.fields);
        linesDropped += message.dropped;
        return;
      case 'records':
        return log.finished(message.lines);
      case 'records_dropped':
        linesDropped += message.count;
        return;
      default:
        return unreachable(message);
    }
  }

  return {
    emit(event) {
      if (audience !== null) route(event, audience);
    },
    connect(to) {
      audience = to;
    },
    get linesDropped() {
      return linesDropped;
    },
  };
}
