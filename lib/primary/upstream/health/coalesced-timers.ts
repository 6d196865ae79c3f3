// Timers that are due at nearly the same time expire together. A thousand checks a second, each with its own timer, would wake
// the processor a thousand times, and a connect made alone costs twice as much as one among others.

/** Timers expire at multiples of this. */
const TICK_MS = 25;

/** A timer due sooner than this runs on its own: rounded to a tick, it could fire at once, or twice as late. */
const SOON_MS = 2 * TICK_MS;

export interface CoalescedTimers {
  /** Expires at the tick before or after `time` (monotonic, ms), on average at `time`; exactly at `time` if that is soon. */
  at(time: number, call: () => void): CoalescedTimer;
}

export interface CoalescedTimer {
  /** Does nothing if called again, or after the timer has expired. */
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
    // A timer may fire a fraction of a millisecond early.
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
      // Rounded up or down at random, or checks that began together would stay together.
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
