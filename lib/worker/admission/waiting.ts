// How many clients of each service wait, over all workers: as many as `queue_max` allows and no more. Owner of these numbers. The
// waiting itself is done where what they wait for is known: admission.ts for a permit, queue.ts for an endpoint.

import type { Board } from '../../engine/scoreboard.ts';
import { SHARED_SERVICES, WAITING_AT } from '../../engine/scoreboard.ts';
import { createSharedCounts } from '../../engine/shared-counts.ts';
import type { ListenerAssignment, ServiceAssignment } from '../../ipc/assignment.ts';

export interface Waiting {
  /** Where services share it, clients that are of none yet wait as those of the least patient. */
  add(listener: Pick<ListenerAssignment, 'service' | 'routes'>): void;
  /** Ms that a client of the service may wait; 0: who cannot be served at once is refused. */
  patience(service: number): number;
  /** One more waits; false: too many do, or none may. One that `hasWaited` already keeps the place that it has just left. */
  enter(service: number, hasWaited?: boolean): boolean;
  leave(service: number): void;
  /** Some client of it waits, with whichever worker. */
  any(service: number): boolean;
  /** Clients that have waited since this worker began, and those that wait with it. */
  counts(): readonly { readonly service: number; readonly total: number; readonly now: number }[];
}

export function createWaiting(services: readonly ServiceAssignment[], board: Board | null): Waiting {
  const counts = createSharedCounts(board, WAITING_AT, SHARED_SERVICES);
  const patience: number[] = [];
  const most: number[] = [];
  /** Of the services that have a queue. */
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
