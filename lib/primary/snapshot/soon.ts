// Coalesces calls: one call for all requests, at the earliest time that any of them asked for.

export interface Soon {
  /** Calls `act` at most `ms` from now. */
  within(ms: number): void;
  cancel(): void;
}

export function soon(act: () => void): Soon {
  let timer: NodeJS.Timeout | null = null;
  let dueAt = Infinity;

  function cancel(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    dueAt = Infinity;
  }

  return {
    within(ms) {
      const at = performance.now() + ms;
      if (at >= dueAt) return;
      cancel();
      dueAt = at;
      timer = setTimeout(() => {
        cancel();
        act();
      }, ms);
    },
    cancel,
  };
}
