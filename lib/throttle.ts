// Throttles warnings about events that may happen thousands of times a second: the first passes at once, then one every 10 s.

const QUIET_MS = 10_000;

export interface Throttle {
  /** Whether a warning may pass now. */
  isOpen(now: number): boolean;
  /** A warning has passed. */
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
