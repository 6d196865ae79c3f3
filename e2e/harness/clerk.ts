// A backend that serves each client for a moment and records the most clients it had at once.
import type { Behaviour } from './backend.ts';

export interface Clerk {
  readonly behaviour: Behaviour;
  readonly most: number;
}

/**
 * Sends `name` after `ms`, then ends; a client that left before no longer counts. Arrivals are counted a turn later, when earlier
 * departures are known, whatever the order of the two events here. The kernel closes a killed worker's connections before
 * anybody learns of its death.
 */
export function clerk(name: string, ms: number): Clerk {
  let [live, most] = [0, 0];
  return {
    behaviour(socket) {
      let isThere = true;
      const leave = (): void => {
        if (isThere) live--;
        isThere = false;
      };
      live++;
      setImmediate(() => setImmediate(() => (most = Math.max(most, live))));
      socket.resume();
      const timer = setTimeout(() => {
        leave();
        socket.end(name);
      }, ms);
      const gone = (): void => {
        clearTimeout(timer);
        leave();
        socket.end();
      };
      socket.once('end', gone);
      socket.once('close', gone);
    },
    get most() {
      return most;
    },
  };
}
