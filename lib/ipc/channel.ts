// The worker's end of node:cluster's IPC channel. Owns the count of unsent messages. Sends never throw and never queue without
// bound: if the primary does not read (stopped or gone), messages that may be lost are dropped, and the caller learns of it.

import type { ToPrimary } from './messages.ts';

/** Node queues everything that is sent. Above this many unsent messages, only indispensable ones are added. */
const MAX_UNSENT = 1000;

let unsent = 0;

/** Sends a message that may be lost (counters, logs). Returns false if it was dropped. */
export function trySend(message: ToPrimary): boolean {
  if (unsent >= MAX_UNSENT) return false;
  return send(message);
}

/** Sends a message that the protocol depends on. Returns false if the channel is closed. */
export function send(message: ToPrimary): boolean {
  if (!process.connected || process.send === undefined) return false;
  unsent++;
  try {
    process.send(message, undefined, {}, () => {
      unsent--;
    });
    return true;
  } catch {
    // The channel closed between the check and the write. The 'disconnect' event will handle it.
    unsent--;
    return false;
  }
}

/** Sends the last message, and closes the channel once it is written. Calls `done` in any case. */
export function sendLast(message: ToPrimary, done: () => void): void {
  if (!process.connected || process.send === undefined) return done();
  process.send(message, undefined, {}, () => {
    if (process.connected) process.disconnect();
    done();
  });
}
