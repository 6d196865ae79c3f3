// Waits for promises, each for a limited time, all of which can be ended at once; and for slots, first come, first served.

export interface Waits {
  /** Like `promise`, but rejects after `ms`, or when the waits are ended. */
  within<T>(ms: number, promise: Promise<T>): Promise<T>;
  endAll(): void;
}

export function createWaits(): Waits {
  const waiting = new Set<() => void>();
  return {
    within: (ms, promise) =>
      new Promise((resolve, reject) => {
        const giveUp = (): void => {
          clearTimeout(timer);
          waiting.delete(giveUp);
          reject(Object.assign(new Error('no answer in time'), { code: 'ETIMEOUT' }));
        };
        const timer = setTimeout(giveUp, ms);
        waiting.add(giveUp);
        const over = (): void => {
          clearTimeout(timer);
          waiting.delete(giveUp);
        };
        promise.then(
          (value) => {
            over();
            resolve(value);
          },
          (error: unknown) => {
            over();
            reject(error);
          },
        );
      }),
    endAll() {
      for (const giveUp of waiting) giveUp();
    },
  };
}

export interface Turn {
  /** Resolves with the slot. Rejects with a code if it is no longer wanted by then, or has left. */
  readonly come: Promise<void>;
  /** Leaves the queue. */
  readonly leave: () => void;
}

export interface Turns {
  /** Takes a slot if one is free. */
  take(): boolean;
  /** `refusal` is called when its turn comes: the code of why it is no longer wanted, or null. */
  wait(refusal: () => string | null): Turn;
  /** Gives the slot back. */
  over(): void;
  /** There may be more slots now. */
  fill(): void;
}

export function createTurns(atOnce: () => number): Turns {
  let running = 0;
  /** Each returns whether it takes the slot. */
  const queue = new Set<() => boolean>();

  function handOver(): boolean {
    for (const next of queue) {
      queue.delete(next);
      if (next()) return true;
    }
    return false;
  }

  return {
    take() {
      if (running >= atOnce()) return false;
      running++;
      return true;
    },
    wait(refusal) {
      let leave = (): void => undefined;
      const come = new Promise<void>((resolve, reject) => {
        const cancelled = (code: string): void => reject(Object.assign(new Error('not asked'), { code }));
        const mine = (): boolean => {
          const code = refusal();
          if (code === null) resolve();
          else cancelled(code);
          return code === null;
        };
        leave = () => {
          if (queue.delete(mine)) cancelled('ETIMEOUT');
        };
        queue.add(mine);
      });
      return { come, leave };
    },
    over() {
      // Pass the slot on instead of freeing and retaking it, so that no other lookup slips in.
      if (!handOver()) running--;
    },
    fill() {
      while (running < atOnce() && handOver()) running++;
    },
  };
}
