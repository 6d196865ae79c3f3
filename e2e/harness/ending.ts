// How the other side of a socket went away, as the kernel tells it.
import type { Socket } from 'node:net';

/** `local`: this side destroyed the socket before the other one had said anything. */
export type Ending = 'fin' | 'reset' | 'local';

/**
 * Settles once the other side has ended its direction or reset the connection; the socket must be read. libuv before
 * 1.52 reports a reset that arrives together with data as a clean end; the peer's name is gone then. It is gone as well
 * when both directions were ended in order, so the name says something only as long as this side has not ended.
 */
export function ending(socket: Socket): Promise<Ending> {
  return new Promise((resolve) => {
    socket.once('end', () => resolve(!socket.writableEnded && socket.remoteAddress === undefined ? 'reset' : 'fin'));
    socket.once('error', () => resolve('reset'));
    socket.once('close', (failed) => resolve(failed ? 'reset' : 'local'));
  });
}
