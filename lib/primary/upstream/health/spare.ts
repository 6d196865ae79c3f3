// Descriptors that checks leave to others. A thousand backends that do not answer would take all of them for the time of a check,
// and the primary could neither answer a command nor fork a worker.

import type { Socket } from 'node:net';
import { thisMachine } from '../../../../config/machine.ts';
import { isBoundHandle } from '../../../engine/handles.ts';

/** Checks use none of the last quarter of the numbers. The kernel gives out the lowest that is free, so all others are in use then. */
const PART = 4;

let limit: number | undefined;

/** Whether the socket has a descriptor that checks leave to others. The addon decides for its own sockets (tcp-check-socket.c). */
export function isSpare(socket: Socket): boolean {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (!isBoundHandle(handle)) return false;
  limit ??= thisMachine().descriptors ?? Infinity;
  return handle.fd >= limit - Math.floor(limit / PART);
}
