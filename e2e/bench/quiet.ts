// Waits until other programs leave the machine alone, for so long in all and no longer.
import { setTimeout as pause } from 'node:timers/promises';
import { machineBusySeconds } from './process-tree.ts';

/** More of the machine than this for other programs, and a figure is not worth much. */
export const DISTURBED = 0.1;
const LOOK_MS = 250;

/** Waits until the machine is quiet; false when what was left of all waiting is used up before it is. */
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
