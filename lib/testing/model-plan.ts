// The configuration of the model's workers: two services, one with a permit pool of its own, and a listener that both
// share.
import type { Assignment } from '../ipc/assignment.ts';
import type { Snapshot } from '../ipc/snapshot.ts';
import { assignedListener, assignedService, assignmentOf, endpoint } from './assignments.ts';

export const SERVICES = ['web', 'db'] as const;
/** Endpoints per service. */
export const ENDPOINTS = 3;

export const ASSIGNMENT: Assignment = {
  ...assignmentOf(
    ...SERVICES.map((name, id) =>
      assignedService(
        id,
        {
          name,
          method: id === 0 ? 'round_robin' : 'least_connections',
          start: id,
          pool: name === 'db' ? 1 : null,
        },
        { cooldownMs: 50, connectTimeoutMs: 1000 },
      ),
    ),
  ),
  logConnections: 'all',
};

/** `variant` chooses tiers, missing addresses and protection, so that every path of the choice is taken. */
export function snapshotFor(variant: number): Snapshot {
  const ids = Array.from({ length: SERVICES.length * ENDPOINTS }, (_, id) => id);
  return {
    services: SERVICES.map((_, service) => ({
      id: service,
      guarded: variant % 3 === 0,
      byLoad: false,
      endpoints: ids.slice(service * ENDPOINTS, (service + 1) * ENDPOINTS),
    })),
    endpoints: ids.map((id) => {
      const [service, i] = [Math.floor(id / ENDPOINTS), id % ENDPOINTS];
      const ip = (variant >> i) % 5 === 4 ? null : '127.0.0.1';
      return endpoint(id, { service, name: `${SERVICES[service] ?? ''}-${i}`, ip, tier: (variant >> (2 * i)) % 3 });
    }),
    remote: ids.flatMap((id) => [id, variant % ((id % ENDPOINTS) + 2)]),
  };
}

/** The listener of both services, chosen by server name. It counts as a service with this number. */
export const SHARED = 2;
export const LISTENERS = [
  ...SERVICES.map((_, service) => assignedListener(service, { service })),
  assignedListener(SHARED, {
    service: SHARED,
    routes: SERVICES.map((name, service) => ({ service, names: [name], protocols: [] })),
  }),
];
/** What can accept clients: the services and the shared listener. */
export const ALL = [0, 1, SHARED] as const;
