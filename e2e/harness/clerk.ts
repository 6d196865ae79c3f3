// A backend that serves for a moment and knows the most clients that it had at once.
import type { Behaviour } from './backend.ts';

export interface Clerk {
  readonly behaviour: Behaviour;
  readonly most: number;
}

/** Says `name` after so many ms, and ends; one that has gone before is not there any more. */
export function clerk(name: string, ms: number): Clerk {
  let [live, most] = [0, 0];
  return {
    behaviour(socket) {
      let isThere = true;
      const leave = (): void => {
        if (isThere) live--;
        isThere = false;
      };
      most = Math.max(most, ++live);
      socket.resume();
      const timer = setTimeout(() => {
        leave();
        socket.end(name);
      }, ms);
      socket.once('close', () => {
        clearTimeout(timer);
        leave();
      });
    },
    get most() {
      return most;
    },
  };
}
