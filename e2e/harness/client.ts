// One client connection that a test controls step by step.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ending, type Ending } from './ending.ts';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { within } from '../../lib/testing/until.ts';

export interface Client {
  readonly socket: Socket;
  /** Everything that has arrived and was not taken by `reads`. */
  readonly unread: () => Buffer;
  /** Settles when the kernel has taken the bytes. */
  send(data: Buffer | string): Promise<void>;
  /** Ends this side's direction; the other one stays open. */
  end(): void;
  reset(): void;
  /** Reads the next `length` bytes; fails if the connection ends before. */
  reads(length: number): Promise<Buffer>;
  /** How the other side ended, with everything that was not read before. */
  readonly over: Promise<{ how: Ending; data: Buffer }>;
}

/** Accepts a reset before Node reported the connection: the kernel had completed the connect. */
async function connected(socket: Socket): Promise<void> {
  try {
    await once(socket, 'connect');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ECONNRESET')) throw error;
  }
}

/** Connects, or fails. The connection ends with the test. */
export async function connectTo(t: Owner, port: number, host = '127.0.0.1'): Promise<Client> {
  const socket = connect({ port, host, allowHalfOpen: true, noDelay: true });
  atEnd(t, () => socket.destroy());
  socket.on('error', () => undefined); // reported by `over`
  const peerEnding = ending(socket);
  await within(`a client is connected to ${host}:${port}`, connected(socket));
  let chunks: Buffer[] = [];
  let wake: () => void = () => undefined;
  let isOver = false;
  const finished = peerEnding.then((how) => {
    isOver = true;
    wake();
    return how;
  });
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    wake();
  });
  const gather = (): Buffer => {
    const [first, ...more] = chunks;
    const all = first !== undefined && more.length === 0 ? first : Buffer.concat(chunks);
    chunks = [all];
    return all;
  };
  async function take(length: number): Promise<Buffer> {
    while (chunks.reduce((sum, chunk) => sum + chunk.length, 0) < length) {
      if (isOver) throw new Error(`Cannot read ${length} bytes: the connection is over after ${gather().length}`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
    const all = gather();
    chunks = [all.subarray(length)];
    return all.subarray(0, length);
  }
  return {
    socket,
    unread: gather,
    send: (data) => new Promise((done, fail) => socket.write(data, (error) => (error ? fail(error) : done()))),
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
    reads: (length) => within(`${length} bytes have arrived`, take(length)),
    get over() {
      return within(
        'the connection is over',
        finished.then((how) => ({ how, data: gather() })),
        60_000,
      );
    },
  };
}
