// A backend that serves for a moment and knows the most clients that it had at once.
import type { Behaviour } from './backend.ts';

export interface Clerk {
  readonly behaviour: Behaviour;
  readonly most: number;
}

/** Says `name` after so many ms, and ends. */
export function clerk(name: string, ms: number): Clerk {
  let [live, most] = [0, 0];
  return {
    behaviour(socket) {
      most = Math.max(most, ++live);
      socket.resume();
      setTimeout(() => {
        live--;
        socket.end(name);
      }, ms);
    },
    get most() {
      return most;
    },
  };
}
