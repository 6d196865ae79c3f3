// Turns a plan into a generation: what its workers must do, and what they are sent before they begin.

import { countsSources, type Plan } from '../../config/plan.ts';
import type { DrainLimits } from '../drain.ts';
import type { Binding, BoundListener } from './listen/listening.ts';
import type { Registry } from './registry.ts';
import type { AssignmentSources } from './snapshot/assignment.ts';
import { assignmentFor } from './snapshot/assignment.ts';
import type { Publisher } from './snapshot/publisher.ts';
import type { Generation } from './workers/fleet.ts';
import type { WorkerListener } from './workers/worker-process.ts';

export interface GenerationParts extends AssignmentSources {
  readonly publisher: Pick<Publisher, 'push'>;
}

/** Returns a function that makes a generation of a plan, its number and its bound sockets. */
export function generationsOf(parts: GenerationParts): (number: number, plan: Plan, binding: Binding) => Generation {
  const { registry, publisher } = parts;
  return (number, plan, binding) => ({
    number,
    workers: plan.workers,
    engine: plan.engine,
    counts: plan.services.some(({ runtime }) => countsSources(runtime)),
    listeners: listenersFor(plan, binding, registry),
    ...longestDrain(plan),
    introduce(worker) {
      worker.send({ kind: 'assignment', assignment: assignmentFor(plan, parts) });
      publisher.push(worker);
    },
  });
}

/** The longest drain times of all services. A reload drain time of 0 means no limit, so it wins. */
function longestDrain({ services }: Plan): DrainLimits {
  const reloads = services.map(({ runtime }) => runtime.reloadDrainMs);
  return {
    drainMs: Math.max(...services.map(({ runtime }) => runtime.drainMs)),
    reloadDrainMs: reloads.includes(0) ? 0 : Math.max(...reloads),
  };
}

/** Registers services first, so that they get the lower ids: shared memory has room for only so many (SHARED_SERVICES). */
function listenersFor({ services }: Plan, { listeners }: Binding, registry: Registry): WorkerListener[] {
  for (const { name } of services) registry.service(name);
  return listeners.map((listener) => listenerFor(listener, registry));
}

function listenerFor({ address, handle, plan }: BoundListener, registry: Registry): WorkerListener {
  const { backlog, keepaliveMs, proxiesFrom, firstBytesMs, services } = plan;
  const routes = plan.routes.map(({ service, names, protocols }) => ({
    service: registry.service(service),
    names,
    protocols,
  }));
  const service = registry.service(routes.length === 0 ? (services[0] ?? '') : plan.address);
  const settings = { backlog, keepaliveMs, proxiesFrom, firstBytesMs };
  const id = registry.listener(address);
  return { address, handle, assignment: { id, address: plan.address, service, routes, ...settings } };
}
