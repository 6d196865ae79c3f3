// Until when each of those waits who are not refused because there is no permit, and whose time is over. Owner of one timer, for
// the first of them.

/** Whose times end within so long are let go together. */
const TOGETHER_MS = 20;

export interface Patience {
  has(connection: number): boolean;
  /** It waits until then (performance.now()). */
  begin(connection: number, until: number): void;
  /** It waits no longer; false: it did not. */
  end(connection: number): boolean;
  close(): void;
}

/** `over` is called once for each whose time is over, and ends its patience; at most TOGETHER_MS late. */
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
