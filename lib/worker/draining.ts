// Drains a worker after the message `drain`: its connections may finish within their time, then they are cut. Owns the timers
// and the number of connections cut.

import type { Drain } from '../drain.ts';
import { drainUntil, notDraining, timerAt, commanded } from '../drain.ts';
import type { Engine } from '../engine/engine.ts';
import type { ServiceAssignment } from '../ipc/assignment.ts';
import type { Connections } from './connections.ts';
import type { Routing } from './routing/routing.ts';

/** Connections that outlive a reload by this much are assumed to stay long. */
const REST_AFTER_MS = 3000;

export interface Draining {
  /** Handles the message `drain`, which may be repeated. */
  drain(services: readonly ServiceAssignment[], timeoutMs: number | null, why: 'drain' | 'stopped'): void;
  /** Handles a connection that came back from a handover: cuts it if its service's time is over. */
  landed(connection: number, service: number): void;
  /** Whether the service's time is over and its connections were cut. */
  isOver(service: number): boolean;
  /** No connection is left and none will come, see Policy.idle. */
  idle(): void;
}

/** Calls `ended` once, when no connection is left, with how many were cut; calls `resting` when some will stay long. */
export function createDraining(
  engine: Pick<Engine, 'cut'>,
  routing: Pick<Routing, 'endingWith'>,
  connections: Pick<Connections, 'homeless'>,
  ended: (cut: number) => void,
  resting: () => void,
): Draining {
  /** By service. */
  const drains = new Map<number, { drain: Drain; timer: NodeJS.Timeout | undefined }>();
  const over = new Set<number>();
  let cut = 0;
  let rest: NodeJS.Timeout | undefined;
  /** The worker rests already, or its end is near. */
  let restsNoMore = false;

  function hurry(): void {
    clearTimeout(rest);
    restsNoMore = true;
  }

  function restLater(): void {
    if (restsNoMore) return;
    clearTimeout(rest);
    rest = setTimeout(() => {
      restsNoMore = true;
      resting();
    }, REST_AFTER_MS);
  }

  function end(service: number): void {
    hurry();
    over.add(service);
    cut += engine.cut({ service });
    // Clients that wait, or whose first bytes are awaited, have no endpoint yet.
    for (const id of routing.endingWith(service, (other) => over.has(other))) {
      cut += engine.cut({ connections: connections.homeless(id) });
    }
  }

  return {
    drain(services, timeoutMs, why) {
      const now = performance.now();
      for (const service of services) {
        const before = drains.get(service.id);
        clearTimeout(before?.timer);
        const drain = commanded(before?.drain ?? notDraining, { timeoutMs, why }, service.runtime, now);
        drains.set(service.id, { drain, timer: timerAt(drainUntil(drain), now, () => end(service.id)) });
      }
      // The operator waits for a stop, and for a drain with a timeout: do not rest.
      if (why === 'stopped' || timeoutMs !== null) hurry();
      else restLater();
    },
    landed(connection, service) {
      if (over.has(service)) cut += engine.cut({ connections: [connection] });
    },
    isOver: (service) => over.has(service),
    idle() {
      clearTimeout(rest);
      for (const { timer } of drains.values()) clearTimeout(timer);
      ended(cut);
    },
  };
}
