// How long to wait before trying again: the one rule for cool-downs, respawns and retries.

/** `failures` in a row (1 = the first) → ms: `initialMs`, doubled for each further failure, at most `maxMs`; 0 without a failure. */
export function backoff(initialMs: number, maxMs: number, failures: number): number {
  if (!(failures >= 1)) return 0;
  // 2^52 ms is longer than any machine runs; beyond it the power would become Infinity, and 0 × Infinity is not a number.
  return Math.min(maxMs, initialMs * 2 ** Math.min(Math.floor(failures) - 1, 52));
}

/** `ms` give or take a tenth, so that what began together does not stay together. `random` is in [0, 1). */
export function jitter(ms: number, random: () => number = Math.random): number {
  return ms * (0.9 + 0.2 * random());
}
