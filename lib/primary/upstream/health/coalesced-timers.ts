// Timers that expire together when they are due at nearly the same time. A thousand checks a second, each with a timer of its own,
// would wake the processor a thousand times, and a connect made alone costs twice as much as one among others.

/** Timers expire at multiples of this. */
const TICK_MS = 25;

/** What is due sooner has a timer of its own: at a tick it could come at once, or twice as late. */
const SOON_MS = 2 * TICK_MS;

export interface CoalescedTimers {
  /** Expires at the tick before or after `time` (monotonic, ms), on average at `time`; at `time` itself where that is soon. */
  at(time: number, call: () => void): CoalescedTimer;
}

export interface CoalescedTimer {
  /** More than once, or after it was called, does nothing. */
  cancel(): void;
}

export function createCoalescedTimers(
  now: () => number = () => performance.now(),
  random: () => number = Math.random,
): CoalescedTimers {
  /** By the number of the tick. */
  const pending = new Map<number, Set<() => void>>();
  let timer: NodeJS.Timeout | undefined;
  let next = Infinity;

  function wait(): void {
    clearTimeout(timer);
    timer = undefined;
    next = Math.min(...pending.keys());
    if (next === Infinity) return;
    timer = setTimeout(expire, Math.max(0, Math.ceil(next * TICK_MS - now())));
  }

  function expire(): void {
    // A timer may be early by a part of a millisecond.
    const current = Math.floor((now() + 1) / TICK_MS);
    const due = [...pending].filter(([number]) => number <= current).toSorted(([a], [b]) => a - b);
    for (const [number] of due) pending.delete(number);
    wait();
    for (const [, calls] of due) {
      for (const call of calls) {
        calls.delete(call);
        call();
      }
    }
  }

  return {
    at(time, call) {
      const left = time - now();
      if (left < SOON_MS) {
        const soon = setTimeout(call, Math.max(0, left));
        return { cancel: () => clearTimeout(soon) };
      }
      // Up or down by chance: else checks that began together would stay together.
      const number = Math.floor(time / TICK_MS + random());
      const calls = pending.get(number) ?? new Set();
      pending.set(number, calls.add(call));
      if (number < next) wait();
      return {
        cancel() {
          if (!calls.delete(call) || calls.size > 0 || pending.get(number) !== calls) return;
          pending.delete(number);
          if (number === next) wait();
        },
      };
    },
  };
}
