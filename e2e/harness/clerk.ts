// A backend that serves for a moment and knows the most clients that it had at once.
import type { Behaviour } from './backend.ts';

export interface Clerk {
  readonly behaviour: Behaviour;
  readonly most: number;
}

/**
 * Says `name` after so many ms, and ends; one that has gone before is not there any more. Those who come are counted a turn later: what
 * had gone by then is known, in whatever order the two are told here. A worker that is killed ends its connections before anybody hears
 * of its death.
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
