// What whoever stops bal is told while it waits: how many clients there still are.

import type { StopProgress } from '../control/protocol.ts';
import type { Statistics } from './stats/statistics.ts';
import { instanceSum } from './stats/totals.ts';
import type { Fleet } from './workers/fleet.ts';

const PROGRESS_MS = 200;

/** From now until end(). */
export function reportRemaining(
  { fleet, statistics }: { readonly fleet: Pick<Fleet, 'all'>; readonly statistics: Statistics },
  progress: (line: StopProgress) => void,
): { end(): void } {
  let over = false;
  const report = async (): Promise<void> => {
    await statistics.refresh(fleet.all(), PROGRESS_MS);
    if (!over) progress({ remaining: instanceSum(statistics.totals).clients.active });
  };
  const tick = setInterval(() => void report(), PROGRESS_MS);
  void report();
  return {
    end() {
      clearInterval(tick);
      over = true;
    },
  };
}
