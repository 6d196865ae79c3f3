// Waits for conditions, with a deadline that only a failing test reaches.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../engine/engine.ts';

/** Among tens of thousands of closed sockets the js engine looks at the kernel's tables only every few seconds. */
const DEADLINE_MS = 30_000;

/** Resolves once `claim` holds. Rejects with `what` at the deadline. */
export async function until(claim: () => boolean, what: string, deadlineMs = DEADLINE_MS): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!claim()) {
    if (performance.now() > deadline) throw new Error(`Gave up waiting: ${what}`);
    await sleep(5);
  }
}

/** Resolves to the promise's value. Rejects with `what` at the deadline. */
export async function within<T>(promise: Promise<T>, what: string, deadlineMs = DEADLINE_MS): Promise<T> {
  const expired = new AbortController();
  const deadline = sleep(deadlineMs, undefined, { signal: expired.signal }).then(() => {
    throw new Error(`Gave up waiting: ${what}`);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    expired.abort();
    deadline.catch(() => undefined);
  }
}

/** Waits until the engine has relayed something and then nothing more for a while. Returns how much. */
export async function standstill(engine: Engine, counter: number): Promise<number> {
  for (let last = -1, still = 0; still < 5; still++) {
    await sleep(50);
    const now = engine.bytes[counter] ?? 0;
    if (now !== last || now === 0) still = 0;
    last = now;
  }
  return engine.bytes[counter] ?? 0;
}
