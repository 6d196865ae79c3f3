// Calls at their times, but those that are near each other together: a thousand checks a second, each at a moment of its own, wake the
// processor a thousand times, and a connect made alone takes twice the time of one among others.

/** How far apart the times are at which something is called. */
const BEAT_MS = 25;

export interface Beat {
  /** Calls at the beat before or after `time` (monotonic, ms): in the middle of many at `time`. What is due already is called at once. */
  at(time: number, call: () => void): Appointment;
}

export interface Appointment {
  /** More than once, or after it was called, does nothing. */
  cancel(): void;
}

export function createBeat(now: () => number = () => performance.now(), random: () => number = Math.random): Beat {
  /** By the number of the beat. */
  const appointments = new Map<number, Set<() => void>>();
  let timer: NodeJS.Timeout | undefined;
  let next = Infinity;

  function wait(): void {
    clearTimeout(timer);
    timer = undefined;
    next = Math.min(...appointments.keys());
    if (next === Infinity) return;
    timer = setTimeout(beat, Math.max(0, Math.ceil(next * BEAT_MS - now())));
  }

  function beat(): void {
    // A timer may be early by a part of a millisecond.
    const current = Math.floor((now() + 1) / BEAT_MS);
    const due = [...appointments].filter(([number]) => number <= current).toSorted(([a], [b]) => a - b);
    for (const [number] of due) appointments.delete(number);
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
      if (time <= now()) {
        const soon = setTimeout(call, 0);
        return { cancel: () => clearTimeout(soon) };
      }
      // Up or down by chance: else what began together would stay together.
      const number = Math.floor(time / BEAT_MS + random());
      const calls = appointments.get(number) ?? new Set();
      appointments.set(number, calls.add(call));
      if (number < next) wait();
      return {
        cancel() {
          if (!calls.delete(call) || calls.size > 0 || appointments.get(number) !== calls) return;
          appointments.delete(number);
          if (number === next) wait();
        },
      };
    },
  };
}
