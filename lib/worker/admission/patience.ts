// Keeps the deadlines of the clients that wait on although there is no permit, and reports those whose time is over. Owns one
// timer, for the earliest deadline.

/** Deadlines this close together are handled together. */
const TOGETHER_MS = 20;

export interface Patience {
  has(connection: number): boolean;
  /** Starts a wait until then (performance.now()). */
  begin(connection: number, until: number): void;
  /** Ends the wait; false: there was none. */
  end(connection: number): boolean;
  close(): void;
}

/** Calls `over` once for each client whose time is over, at most TOGETHER_MS late. `over` must call end(). */
export function createPatience(over: (connection: number) => void): Patience {
  const untils = new Map<number, number>();
  let timer: NodeJS.Timeout | null = null;
  let dueAt = Infinity;

  function disarm(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    dueAt = Infinity;
  }

  function arm(at: number): void {
    if (at >= dueAt) return;
    disarm();
    dueAt = at;
    timer = setTimeout(look, at - performance.now());
    timer.unref();
  }

  function look(): void {
    disarm();
    const now = performance.now();
    let next = Infinity;
    for (const [connection, until] of untils) {
      if (until <= now) over(connection);
      else next = Math.min(next, until);
    }
    if (next !== Infinity) arm(Math.max(next, now + TOGETHER_MS));
  }

  return {
    has: (connection) => untils.has(connection),
    begin(connection, until) {
      untils.set(connection, until);
      arm(until);
    },
    end: (connection) => untils.delete(connection),
    close: disarm,
  };
}
