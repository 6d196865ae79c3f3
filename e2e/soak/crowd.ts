// Very many clients at once: each sends one byte to an echo backend; an answer proves that it is served.
import { connect, type Socket } from 'node:net';
import { ending } from '../harness/ending.ts';

export interface Crowd {
  /** Clients that got their answer and stay. */
  readonly served: readonly Socket[];
  /** Clients that were reset. */
  readonly refused: number;
  /** Clients with any other outcome: a clean end, a refused connect. */
  readonly others: number;
  /** All leave cleanly. */
  leave(): void;
}

/** Resolves when the outcome of all `count` clients is known. */
export async function offer(port: number, count: number): Promise<Crowd> {
  const served: Socket[] = [];
  let refused = 0;
  let others = 0;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') others++;
      });
      let known = false;
      socket.once('connect', () => socket.write('?'));
      socket.once('data', () => {
        known = true;
        served.push(socket);
        resolve();
      });
      void ending(socket).then((how) => {
        if (known) return socket.end();
        if (how === 'reset') refused++;
        else others++;
        socket.destroy();
        return resolve();
      });
    });
  await Promise.all(Array.from({ length: count }, one));
  return { served, refused, others, leave: () => served.forEach((socket) => socket.end()) };
}

/** Closes the rest of a crowd for certain. */
export function disperse({ served }: Crowd): void {
  for (const socket of served) socket.destroy();
}
