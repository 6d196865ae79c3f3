// Pools change by themselves: a cool-down ends, a slow start adds weight.

import { nextChange, type Pool } from './pool.ts';

export interface ByTime {
  /** The pools have changed: works out anew when the next one changes by itself. */
  plan(): void;
  close(): void;
}

/** Calls `differ` when a pool has changed by itself. */
export function watchTime(pools: () => Iterable<Pool>, differ: () => void): ByTime {
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  return {
    plan() {
      clearTimeout(timer);
      const now = performance.now();
      const next = Math.min(...Array.from(pools(), (pool) => nextChange(pool, now) ?? Infinity));
      if (next < Infinity && !closed) timer = setTimeout(differ, next + 1);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
