// When a worker that died is started again: at once the first time, then with growing pauses, so that a loop costs little.

import { backoff } from '../../backoff.ts';

/** A worker that lived so long did not crash at start: the next respawn is immediate again. */
export const STABLE_MS = 10_000;
/** So many deaths in a row are a loop, told once. */
export const LOOP_CRASHES = 5;
const INITIAL_MS = 100;
const MAX_MS = 5000;
/** For the last one: while there is no other, every client waits, and service is to be back within a second. */
const MAX_ALONE_MS = 250;

/** Ms until the next try after so many deaths in a row; `others`: another worker serves, or is coming up. */
export function respawnDelay(crashes: number, others: boolean): number {
  return backoff(INITIAL_MS, others ? MAX_MS : MAX_ALONE_MS, crashes - 1);
}
