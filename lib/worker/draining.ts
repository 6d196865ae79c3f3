// A worker from the message `drain` on: its connections finish in their time, then they are cut. Owner of the timers for
// that, and of how many were cut.

import type { Drain } from '../drain.ts';
import { drainUntil, notDraining, timerAt, commanded } from '../drain.ts';
import type { Engine } from '../engine/engine.ts';
import type { ServiceAssignment } from '../ipc/assignment.ts';
import type { Connections } from './connections.ts';
import type { Routing } from './routing/routing.ts';

/** Connections that have outlived a reload by this much stay for long. */
const REST_AFTER_MS = 3000;

export interface Draining {
  /** The message `drain`, maybe again. */
  drain(services: readonly ServiceAssignment[], timeoutMs: number | null, why: 'drain' | 'stopped'): void;
  /** It was on its way to another worker, and is here again: it is cut if the time of its service is over. */
  landed(connection: number, service: number): void;
  /** The time of its connections is over: they were cut. */
  isOver(service: number): boolean;
  /** No connection is left, and none will come: see Policy.idle. */
  idle(): void;
}

/** `ended` is called once, when no connection is left, with how many were cut; `resting` when some will stay for long. */
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
  /** It rests already, or its end is near. */
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
    // Those that wait or have to say something have no endpoint yet.
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
      // Whoever stops bal waits for the end, and whoever gives it a time looks at the clock.
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
