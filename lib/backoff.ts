// Exponential backoff: the one rule for cool-downs, respawns and retries.

/** The delay after `failures` in a row: `initialMs`, doubled for each further failure, at most `maxMs`; 0 without a failure. */
export function backoff(initialMs: number, maxMs: number, failures: number): number {
  if (!(failures >= 1)) return 0;
  // 2^52 ms is longer than any machine runs. A larger power could become Infinity, and 0 × Infinity is NaN.
  return Math.min(maxMs, initialMs * 2 ** Math.min(Math.floor(failures) - 1, 52));
}

/** `ms` ± 10 %, so that timers that began together drift apart. `random` is in [0, 1). */
export function jitter(ms: number, random: () => number = Math.random): number {
  return ms * (0.9 + 0.2 * random());
}
