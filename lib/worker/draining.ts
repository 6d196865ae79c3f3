// A worker from the message `drain` on: its connections finish in their time, then they are cut. Owner of the timers for
// that, and of how many were cut.

import type { Drain } from '../drain.ts';
import { drainUntil, notDraining, timerAt, told } from '../drain.ts';
import type { Engine } from '../engine/engine.ts';
import type { ServiceAssignment } from '../ipc/assignment.ts';
import type { Routing } from './routing.ts';

/** How often to look whether the last connection has ended: a stop and the clients of a short connection wait for it … */
const SOON_MS = 20;
/** … and nobody for a worker whose connections have outlived a reload by this much. */
const SOON_FOR_MS = 3000;
const AT_REST_MS = 2000;

export interface Draining {
  /** The message `drain`, maybe again. */
  told(services: readonly ServiceAssignment[], timeoutMs: number | null, why: 'drain' | 'stopped'): void;
}

/** `over` is called once, when no connection is left, with how many were cut; `resting` when some will stay for long. */
export function createDraining(
  engine: Pick<Engine, 'active' | 'cut'>,
  routing: Pick<Routing, 'listenersOf'>,
  over: (cut: number) => void,
  resting: () => void,
): Draining {
  /** By service. */
  const drains = new Map<number, { drain: Drain; timer: NodeJS.Timeout | undefined }>();
  let cut = 0;
  let poll: NodeJS.Timeout | undefined;
  let soonUntil = 0;
  let rests = false;

  function look(): void {
    if (engine.active === 0) {
      for (const { timer } of drains.values()) clearTimeout(timer);
      over(cut);
      return;
    }
    const soon = performance.now() < soonUntil;
    if (!soon && !rests) {
      rests = true;
      resting();
    }
    poll = setTimeout(look, soon ? SOON_MS : AT_REST_MS);
  }

  function lookSoon(): void {
    clearTimeout(poll);
    poll = setTimeout(look, SOON_MS);
  }

  function end(service: number): void {
    cut += engine.cut({ service });
    // Those that wait for a permit have no endpoint yet: they are their listener's.
    for (const listener of routing.listenersOf(service)) cut += engine.cut({ listener });
    soonUntil = Infinity;
    lookSoon();
  }

  return {
    told(services, timeoutMs, why) {
      const now = performance.now();
      for (const service of services) {
        const before = drains.get(service.id);
        clearTimeout(before?.timer);
        const drain = told(before?.drain ?? notDraining, { timeoutMs, why }, service.runtime, now);
        drains.set(service.id, { drain, timer: timerAt(drainUntil(drain), now, () => end(service.id)) });
      }
      // Whoever stops bal waits for the end, and whoever gives it a time looks at the clock.
      soonUntil = why === 'stopped' || timeoutMs !== null ? Infinity : Math.max(soonUntil, now + SOON_FOR_MS);
      lookSoon();
    },
  };
}
