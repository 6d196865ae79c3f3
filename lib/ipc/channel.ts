// The worker's end of node:cluster's IPC channel. Sends never throw and never queue without bound: when the primary
// does not read (it is stopped, or gone) messages that may be lost are dropped, and the caller is told.

import type { ToPrimary } from './messages.ts';

/** Node keeps queueing whatever is sent; above this many unsent messages only the indispensable ones go in. */
const MAX_UNSENT = 1000;

let unsent = 0;

/** Sends a message that may be lost (counters, logs). Returns false when it was dropped. */
export function trySend(message: ToPrimary): boolean {
  if (unsent >= MAX_UNSENT) return false;
  return send(message);
}

/** Sends a message that the protocol depends on. Returns false when the channel is closed. */
export function send(message: ToPrimary): boolean {
  if (!process.connected || process.send === undefined) return false;
  unsent++;
  try {
    process.send(message, undefined, {}, () => {
      unsent--;
    });
    return true;
  } catch {
    // The channel closed between the check and the write: 'disconnect' is on its way and handles it.
    unsent--;
    return false;
  }
}

/** Sends the last message and closes the channel once it is written; `done` is called in any case. */
export function sendLast(message: ToPrimary, done: () => void): void {
  if (!process.connected || process.send === undefined) return done();
  process.send(message, undefined, {}, () => {
    if (process.connected) process.disconnect();
    done();
  });
}
