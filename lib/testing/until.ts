// Waits for observable conditions, with a deadline far beyond what they take. A test continues as soon as the condition
// holds, and fails with what was missing if it never does. Nothing here just sleeps and hopes.
import { setTimeout as pause } from 'node:timers/promises';

export const PATIENCE_MS = 20_000;
/** Each check costs both sides. After a while it is repeated only after a tenth of the time waited so far. */
const LOOKS = 10;
const SELDOM_MS = 100;

/** A condition's value once it holds. */
type Held<T> = Exclude<T, false | null | undefined>;

function holds<T>(value: T): value is Held<T> {
  return value !== false && value !== null && value !== undefined;
}

/**
 * Checks `condition` repeatedly until it returns something other than false, null or undefined, and returns that. A
 * throw counts as "not yet"; the last one becomes the cause of the error at the deadline. `everyMs`: pause between
 * early checks.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  { withinMs = PATIENCE_MS, everyMs = 20 }: { withinMs?: number; everyMs?: number } = {},
): Promise<Held<T>> {
  const began = performance.now();
  const deadline = began + withinMs;
  let last: unknown = null;
  do {
    try {
      const value = await condition();
      if (holds(value)) return value;
      last = null;
    } catch (error) {
      last = error;
    }
    await pause(Math.max(everyMs, Math.min(SELDOM_MS, (performance.now() - began) / LOOKS)));
  } while (performance.now() < deadline);
  throw new Error(`Cannot see within ${withinMs} ms that ${what}${last instanceof Error ? `: ${last.message}` : ''}`, {
    cause: last,
  });
}

/** The promise's value, or an error that says what did not happen in time. */
export async function within<T>(what: string, promise: Promise<T>, ms: number = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Cannot wait longer than ${ms} ms until ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
