// Detects a taker that owes an answer and stays silent. Owns the timer.

/** A primary kills its own hanging worker long before this; the limit is for a giver without a primary. */
const SILENT_MS = 30_000;

export interface Silence {
  /** A message came. `isOwed`: an answer is still due. */
  messageCame(isOwed: boolean): void;
  /** Starts the timer unless it runs already. */
  begin(): void;
  end(): void;
}

/** Calls `over` when an answer is this late, and again after each further such period. */
export function createSilence(over: () => void): Silence {
  let timer: NodeJS.Timeout | null = null;

  function end(): void {
    if (timer !== null) clearInterval(timer);
    timer = null;
  }

  function begin(): void {
    timer ??= setInterval(over, SILENT_MS).unref();
  }

  return {
    messageCame(isOwed) {
      end();
      if (isOwed) begin();
    },
    begin,
    end,
  };
}
