// Waits for promises, each for a limited time. All waits can be ended at once.

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
        void promise.then(resolve, reject).finally(() => {
          clearTimeout(timer);
          waiting.delete(giveUp);
        });
      }),
    endAll() {
      for (const giveUp of waiting) giveUp();
    },
  };
}
