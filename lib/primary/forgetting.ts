// Forgets what is no longer in use: plans, ids and totals that only gone workers used, and backends that left the plan.

import { routedListeners } from '../../config/listeners.ts';
import type { Plan, ServicePlan } from '../../config/plan.ts';
import type { Listening } from './listen/listening.ts';
import type { EndpointName, Registry } from './registry.ts';
import { endpointKey } from './registry.ts';
import type { Generations } from './reload/generations.ts';
import type { Publisher } from './snapshot/publisher.ts';
import type { Statistics } from './stats/statistics.ts';
import { backendSum } from './stats/totals.ts';
import type { Services } from './upstream/services.ts';
import type { WorkerProcess } from './workers/worker-process.ts';

export interface ForgettingParts {
  readonly state: { readonly plan: Plan; readonly generation: number };
  readonly generations: Generations;
  readonly registry: Registry;
  readonly services: Pick<Services, 'retain'>;
  readonly statistics: Pick<Statistics, 'retain' | 'totals'>;
  readonly publisher: Pick<Publisher, 'inUse' | 'servicesInUse'>;
  readonly listening: Pick<Listening, 'addresses'>;
  workers(): readonly WorkerProcess[];
  /** Whether a reload or change is under way, so that another plan may be served soon. */
  isChanging(): boolean;
}

export function createForgetting(parts: ForgettingParts): { forget(): void; forgetBackends(): void } {
  const { state, generations, registry, services, statistics, publisher, listening } = parts;

  function forget(): void {
    if (parts.isChanging()) return;
    const workers = parts.workers();
    generations.keepOnly(new Set([state.generation, ...workers.map((worker) => worker.generation)]));
    const all = [...generations.plans()];
    const plans = all.flatMap((plan) => plan.services);
    const listeners = all.flatMap(routedListeners).map(({ address }) => address);
    const endpointsInUse = [...publisher.inUse()].flatMap((id) => registry.endpointOf(id) ?? []);
    const used = {
      services: new Set([...plans.map(({ name }) => name), ...listeners, ...publisher.servicesInUse()]),
      endpoints: [...plans.flatMap(endpointsOf), ...endpointsInUse],
      listeners: listening.addresses,
    };
    registry.keepOnly(used);
    statistics.retain(
      used.services,
      new Set(used.endpoints.map(({ service, address }) => endpointKey(service, address))),
    );
    forgetBackends();
  }

  /** Forgets backends that left the plan and have no connections. Cheap, since each draining worker triggers it twice a second. */
  function forgetBackends(): void {
    if (parts.isChanging()) return;
    services.retain(state.plan, (service, address) => backendSum(statistics.totals, service, address).active > 0);
  }

  return { forget, forgetBackends };
}

function endpointsOf({ name, backends }: ServicePlan): EndpointName[] {
  return backends.map(({ address }) => ({ service: name, address }));
}
