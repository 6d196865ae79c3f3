// Waits until other programs are idle, up to a total time limit.
import { setTimeout as pause } from 'node:timers/promises';
import { machineBusySeconds } from './process-tree.ts';

/** If other programs use more of the machine than this, a figure means little. */
export const DISTURBED = 0.1;
const LOOK_MS = 250;

/** Returns a function that waits until the machine is quiet; false: the total waiting time is used up. */
export function quietWaiter(cores: number, totalSeconds: number): () => Promise<boolean> {
  let leftMs = totalSeconds * 1000;
  return async () => {
    for (; leftMs > 0; leftMs -= LOOK_MS) {
      const [began, busy] = [performance.now(), machineBusySeconds()];
      await pause(LOOK_MS);
      const seconds = (performance.now() - began) / 1000;
      if (machineBusySeconds() - busy < DISTURBED * seconds * cores) return true;
    }
    return false;
  };
}
