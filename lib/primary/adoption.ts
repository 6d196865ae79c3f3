// Describes the connections that a worker takes from another one: their services and endpoints, by the ids of this instance.

import type { Plan, Runtime } from '../../config/plan.ts';
import type { ServiceAssignment } from '../ipc/assignment.ts';
import type { Catalog, Known } from '../ipc/handover.ts';
import { TIER_DOWN } from '../ipc/snapshot.ts';
import type { Registry } from './registry.ts';
import type { Generations } from './reload/generations.ts';
import type { AssignmentSources } from './snapshot/assignment.ts';
import { assignmentFor } from './snapshot/assignment.ts';
import type { Publisher } from './snapshot/publisher.ts';
import type { WorkerProcess } from './workers/worker-process.ts';

export interface AdoptionParts extends AssignmentSources {
  readonly generations: Pick<Generations, 'planOf' | 'plans'>;
  readonly publisher: Pick<Publisher, 'adopted'>;
}

/** Returns a function that tells a worker where the connections offered at `path` lead. */
export function createAdoption(parts: AdoptionParts): (worker: WorkerProcess, path: string, catalog: Catalog) => void {
  const { generations, registry, publisher } = parts;
  return (worker, path, catalog) => {
    const plan = generations.planOf(worker.generation);
    if (plan === undefined) return;
    const known = adoptionOf(catalog, registry, assignmentFor(plan, parts).services, generations.plans());
    publisher.adopted(
      worker,
      known.services.map(({ service }) => service.name),
      known.endpoints.map(({ endpoint }) => endpoint),
    );
    worker.send({ kind: 'adopt', path, known });
  };
}

/**
 * `services` are those of the taker, `plans` those of all generations that have workers. An endpoint that is not the taker's own
 * gets no new clients. Endpoints of a service that the catalog lacks are skipped.
 */
export function adoptionOf(
  catalog: Catalog,
  registry: Pick<Registry, 'service' | 'endpoint'>,
  services: readonly ServiceAssignment[],
  plans: Iterable<Plan>,
): Known {
  const all = [...plans].flatMap((plan) => plan.services);
  /** On a stop the primary waits for a worker only as long as the worker's own services may take. */
  const drainMs = Math.max(0, ...services.map(({ runtime }) => runtime.drainMs));
  const byTheirs = new Map<number, ServiceAssignment>();
  for (const { id, name, runtime } of catalog.services) {
    const own = services.find((service) => service.name === name);
    if (own !== undefined) {
      // The worker has the access lists already, and they may be long.
      byTheirs.set(id, { ...own, access: null });
      continue;
    }
    const past = all.find((service) => service.name === name)?.runtime ?? plausible(runtime, all[0]?.runtime);
    byTheirs.set(id, {
      id: registry.service(name),
      name,
      method: 'round_robin',
      runtime: { ...past, drainMs: Math.min(past.drainMs, drainMs) },
      start: 0,
      pool: null,
      preamble: false,
      access: null,
    });
  }
  return {
    services: [...byTheirs].map(([theirs, service]) => ({ theirs, service })),
    endpoints: catalog.endpoints.flatMap(({ id: theirs, service: of, name, ip, port }) => {
      const service = byTheirs.get(of);
      if (service === undefined) return [];
      const id = registry.endpoint(service.name, name);
      const rest = {
        tier: TIER_DOWN,
        weight: 0,
        maxConnections: 0,
        onProbation: false,
        provenAt: 0,
        sendProxy: 'none' as const,
        sources: [],
      };
      return [{ theirs, endpoint: { id, service: service.id, name, ip, port, ...rest } }];
    }),
  };
}

const LONGEST_MS = 2 ** 30;

/** Takes only plausible numbers from a process that may run another version. */
function plausible(runtime: Runtime, otherwise: Runtime | undefined): Runtime {
  if (otherwise === undefined) return runtime;
  const entries = Object.entries(otherwise).map(([key, value]) => {
    const theirs: unknown = Object.entries(runtime).find(([name]) => name === key)?.[1];
    const isTime = typeof value === 'number' && typeof theirs === 'number' && Number.isSafeInteger(theirs);
    return [key, isTime && theirs >= 0 && theirs <= LONGEST_MS ? theirs : value] as const;
  });
  return Object.fromEntries(entries) as Runtime;
}
