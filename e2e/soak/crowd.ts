// Very many clients at once: each says one byte to an echo backend and is thereby known to be served, or is sent away.
import { connect, type Socket } from 'node:net';
import { ending } from '../harness/ending.ts';

export interface Crowd {
  /** Those that got their answer and stay. */
  readonly served: readonly Socket[];
  /** Those that were reset. */
  readonly refused: number;
  /** Those that met anything else: a clean end, a refused connect. */
  readonly others: number;
  /** All leave, in order. */
  leave(): void;
}

/** Settles when every one of `count` clients knows what became of it. */
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

/** Closes for certain what is left of a crowd. */
export function disperse({ served }: Crowd): void {
  for (const socket of served) socket.destroy();
}
