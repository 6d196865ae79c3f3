// Pools change by themselves: a cool-down ends, a slow start adds weight.

import { nextChange, type Pool } from './pool.ts';

export interface ByTime {
  /** The pools have changed: works out anew when the next one changes by itself, once for all changes of this turn. */
  plan(): void;
  close(): void;
}

/** Calls `differ` when a pool has changed by itself. */
export function watchTime(pools: () => Iterable<Pool>, differ: () => void): ByTime {
  let timer: NodeJS.Timeout | undefined;
  let isPlanned = false;
  let closed = false;

  function plan(): void {
    isPlanned = false;
    clearTimeout(timer);
    if (closed) return;
    const now = performance.now();
    const next = Math.min(...Array.from(pools(), (pool) => nextChange(pool, now) ?? Infinity));
    if (next < Infinity) timer = setTimeout(differ, next + 1);
  }

  return {
    plan() {
      // It looks at all backends, and a thousand may come up together.
      if (!isPlanned) queueMicrotask(plan);
      isPlanned = true;
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
