// For warnings about what may happen thousands of times in a second: the first is told at once, then one in ten seconds.

const QUIET_MS = 10_000;

export interface Throttle {
  /** Whether something may be told now. */
  isOpen(now: number): boolean;
  /** Something was told. */
  close(now: number): void;
}

/** Times are in ms and monotonic. */
export function createThrottle(): Throttle {
  let openAt = -Infinity;
  return {
    isOpen: (now) => now >= openAt,
    close(now) {
      openAt = now + QUIET_MS;
    },
  };
}
