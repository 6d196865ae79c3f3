// Judges a quiet open connection: how long it may stay, and whether it can be closed without loss. sweeper.ts asks the
// kernel.

import type { Connection } from './connection.ts';
import type { Queues } from './kernel.ts';

/**
 * A direction that has carried this much, and got bytes within this time, may be in the middle of an answer even though
 * nothing is held or unread: a stream that is read as fast as it comes never has anything there.
 */
const FLOWS_BYTES = 4096;
const FLOWS_MS = 1000;

/** Whether a transfer may be in progress. A sweep, at most a second, is how exact the time of the last byte is. */
export function flows({ moved, lastMoved, client, backend, bytesIn, bytesOut }: Connection, now: number): boolean {
  if (!moved && now - lastMoved >= FLOWS_MS) return false;
  return (client?.over === false && bytesIn >= FLOWS_BYTES) || (backend?.over === false && bytesOut >= FLOWS_BYTES);
}

/** Whether both sides are there and closing them now would lose nothing. `queues` as for Side.isWhole(). */
export function isWhole({ stage, client, backend }: Connection, queues: ReadonlyMap<number, Queues> | null): boolean {
  return stage === 'open' && client?.isWhole(queues) === true && backend?.isWhole(queues) === true;
}

/** Whether the backend has ended, the client has not, and no bytes for the client are waiting here. */
export function isHalfClosed({ client, backend }: Connection): boolean {
  return backend?.over === true && client?.over === false && !client.busy;
}

/** How long the connection may be quiet. */
export function patience(connection: Connection): number {
  const { idleMs, halfClosedMs } = connection.target.service.settings;
  return isHalfClosed(connection) ? Math.min(halfClosedMs, idleMs) : idleMs;
}
