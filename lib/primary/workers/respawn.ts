// When to respawn a dead worker: at once the first time, then with growing delays, so that a crash loop costs little.

import { backoff } from '../../backoff.ts';

/** A worker that lived this long did not crash at start: the next respawn is immediate again. */
export const STABLE_MS = 10_000;
/** This many deaths in a row are a crash loop, which is logged once. */
export const LOOP_CRASHES = 5;
const INITIAL_MS = 100;
const MAX_MS = 5000;
/** For the last worker: without another one all clients wait, and service must be back within a second. */
const MAX_ALONE_MS = 250;

/** The delay in ms after `crashes` deaths in a row. `others`: another worker serves or is coming up. */
export function respawnDelay(crashes: number, others: boolean): number {
  return backoff(INITIAL_MS, others ? MAX_MS : MAX_ALONE_MS, crashes - 1);
}
