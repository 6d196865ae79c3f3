// Counts each service's waiting clients over all workers, up to `queue_max`. Owns these counts. The queues are where the awaited
// resource is known: admission.ts for a permit, queue.ts for an endpoint.

import type { Board } from '../../engine/scoreboard.ts';
import { SHARED_SERVICES, WAITING_AT } from '../../engine/scoreboard.ts';
import { createSharedCounts } from '../../engine/shared-counts.ts';
import type { ListenerAssignment, ServiceAssignment } from '../../ipc/assignment.ts';

export interface Waiting {
  /** Adds a listener. If services share it, a client without a service yet waits under the least patient one's settings. */
  add(listener: Pick<ListenerAssignment, 'service' | 'routes'>): void;
  /** Ms that a client of the service may wait; 0: it is refused if it cannot be served at once. */
  patience(service: number): number;
  /** Counts one more; false: too many wait, or none may. One that `hasWaited` keeps the place that it just left. */
  enter(service: number, hasWaited?: boolean): boolean;
  leave(service: number): void;
  /** Whether any worker has a waiting client of the service. */
  any(service: number): boolean;
  /** Clients that have waited in this worker since it started, and those that wait now. */
  counts(): readonly { readonly service: number; readonly total: number; readonly now: number }[];
}

export function createWaiting(services: readonly ServiceAssignment[], board: Board | null): Waiting {
  const counts = createSharedCounts(board, WAITING_AT, SHARED_SERVICES);
  const patience: number[] = [];
  const most: number[] = [];
  /** By service, for those with a queue. */
  const totals = new Map<number, number>();
  for (const { id, runtime } of services) {
    const queues = runtime.overloadPolicy === 'queue';
    patience[id] = queues ? runtime.queueTimeoutMs : 0;
    most[id] = runtime.queueMax;
    if (!queues) continue;
    counts.reserve(id);
    totals.set(id, 0);
  }
  if (totals.size > 0) counts.share();

  return {
    add({ service: listener, routes }) {
      if (routes.length === 0) return;
      const least = (of: readonly number[]): number => Math.min(...routes.map(({ service }) => of[service] ?? 0));
      patience[listener] = least(patience);
      most[listener] = least(most);
      if (patience[listener] === 0) return;
      counts.reserve(listener);
      totals.set(listener, totals.get(listener) ?? 0);
    },
    patience: (service) => patience[service] ?? 0,
    enter(service, hasWaited = false) {
      if ((patience[service] ?? 0) === 0 || !counts.take(service, hasWaited ? 0 : (most[service] ?? 0))) return false;
      if (!hasWaited) totals.set(service, (totals.get(service) ?? 0) + 1);
      return true;
    },
    leave: (service) => counts.release(service),
    any: (service) => (patience[service] ?? 0) > 0 && counts.of(service) > 0,
    counts: () => [...totals].map(([service, total]) => ({ service, total, now: counts.own(service) })),
  };
}
