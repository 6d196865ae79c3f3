// How long whoever has been offered something may say nothing. Owner of the timer.

/** A primary ends a worker of its own that hangs long before; this is for one that has none any more. */
const SILENT_MS = 30_000;

export interface Silence {
  /** Something has been said or offered; `isOwed`: an answer is waited for. */
  messageCame(isOwed: boolean): void;
  /** As heard(true), but for a silence that has begun already. */
  begin(): void;
  end(): void;
}

/** `over` is called when an answer has been waited for so long, and again after as long. */
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
