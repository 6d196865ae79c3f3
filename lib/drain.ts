// Until when the connections of a draining worker have time: the worker cuts by it, and the primary kills one that does
// not end by it.

/**
 * `timeoutMs` as in the message `drain`, all other times in terms of performance.now(); `before` is what was said last, null
 * the first time. As configured (null) never lengthens it: who repeats a stop does not begin it anew.
 */
export function drainUntil(before: number | null, timeoutMs: number | null, drainMs: number, now: number): number {
  return timeoutMs === null ? Math.min(before ?? Infinity, now + drainMs) : now + timeoutMs;
}
