// The timer for the next end of a drain. Such ends are times of the wall clock, because they outlive the process.

import type { Overrides } from './overrides.ts';

export interface DrainTimer {
  set(overrides: Overrides): void;
  close(): void;
}

/**
 * The wall clock may be set while the timer runs, so look at it again after this time at the latest. And setTimeout() fires at
 * once if the delay is 2^31 ms or more.
 */
const LOOK_MS = 60_000;

/** Calls `look` when a drain's time may be up, perhaps before that. */
export function createDrainTimer(look: () => void): DrainTimer {
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  return {
    set(overrides) {
      clearTimeout(timer);
      const times = overrides.flatMap(({ drained }) => drained?.cutAt ?? []);
      if (times.length === 0 || closed) return;
      timer = setTimeout(look, Math.min(LOOK_MS, Math.max(0, Math.min(...times) - Date.now())));
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
