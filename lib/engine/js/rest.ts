// What is known of an open connection on which nothing moves: how long it may stay, and whether it can be closed
// without a loss. What the kernel knows of it is asked by sweeper.ts.

import type { Connection } from './connection.ts';
import type { Queues } from './kernel.ts';

/**
 * A direction that has carried so much, and on which bytes came within this time, may be in the middle of an answer,
 * though nothing lies here at this moment: of a stream that is read as fast as it comes nothing ever does.
 */
const FLOWS_BYTES = 4096;
const FLOWS_MS = 1000;

/** May be in the middle of something. When exactly bytes came last is not known, but for a second more. */
export function flows({ moved, lastMoved, client, backend, bytesIn, bytesOut }: Connection, now: number): boolean {
  if (!moved && now - lastMoved >= FLOWS_MS) return false;
  return (client?.over === false && bytesIn >= FLOWS_BYTES) || (backend?.over === false && bytesOut >= FLOWS_BYTES);
}

/** Both sides are there, and nothing would be lost by closing them now. `queues` as for Side.isWhole(). */
export function isWhole({ stage, client, backend }: Connection, queues: ReadonlyMap<number, Queues> | null): boolean {
  return stage === 'open' && client?.isWhole(queues) === true && backend?.isWhole(queues) === true;
}

/** The backend has ended and its client has not, nor are its bytes waiting here. */
export function isHalfClosed({ client, backend }: Connection): boolean {
  return backend?.over === true && client?.over === false && !client.busy;
}

/** How long nothing may move. */
export function patience(connection: Connection): number {
  const { idleMs, halfClosedMs } = connection.target.service.settings;
  return isHalfClosed(connection) ? Math.min(halfClosedMs, idleMs) : idleMs;
}
