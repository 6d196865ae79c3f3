// Detects how the peer of a socket went away, from what the kernel reports.
import type { Socket } from 'node:net';

/** `local`: this side destroyed the socket before the peer ended. */
export type Ending = 'fin' | 'reset' | 'local';

/**
 * Settles when the peer has ended its direction or reset the connection; the socket must be read. libuv before 1.52 reports a
 * reset that arrives together with data as a clean end, but then the peer's address is gone. It is also gone once both directions
 * have ended in order, so it counts only while this side has not ended.
 */
export function ending(socket: Socket): Promise<Ending> {
  return new Promise((resolve) => {
    socket.once('end', () => resolve(!socket.writableEnded && socket.remoteAddress === undefined ? 'reset' : 'fin'));
    socket.once('error', () => resolve('reset'));
    socket.once('close', (failed) => resolve(failed ? 'reset' : 'local'));
  });
}
