// What a worker is told of the connections that it takes from another worker: what they lead to, by the ids of this instance.

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

/** Tells a worker what the connections lead to that are offered at `path`. */
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
 * `services` are those of the worker that takes them, `plans` those of all generations that have workers. An endpoint that is none
 * of the worker's own gets nobody new; one of a service that the catalog lacks is passed over.
 */
export function adoptionOf(
  catalog: Catalog,
  registry: Pick<Registry, 'service' | 'endpoint'>,
  services: readonly ServiceAssignment[],
  plans: Iterable<Plan>,
): Known {
  const all = [...plans].flatMap((plan) => plan.services);
  /** When a stop comes the primary waits for a worker as long as its own services may take, and no longer. */
  const drainMs = Math.max(0, ...services.map(({ runtime }) => runtime.drainMs));
  const byTheirs = new Map<number, ServiceAssignment>();
  for (const { id, name, runtime } of catalog.services) {
    const own = services.find((service) => service.name === name);
    if (own !== undefined) {
      // The worker has it already; its lists may be long.
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

/** That of a process that may be of another version is believed as far as its numbers go. */
function plausible(runtime: Runtime, otherwise: Runtime | undefined): Runtime {
  if (otherwise === undefined) return runtime;
  const entries = Object.entries(otherwise).map(([key, value]) => {
    const theirs: unknown = Object.entries(runtime).find(([name]) => name === key)?.[1];
    const isTime = typeof value === 'number' && typeof theirs === 'number' && Number.isSafeInteger(theirs);
    return [key, isTime && theirs >= 0 && theirs <= LONGEST_MS ? theirs : value] as const;
  });
  return Object.fromEntries(entries) as Runtime;
}
