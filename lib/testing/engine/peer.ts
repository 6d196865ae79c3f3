// Clients and backends for the engine. They record every byte and how the connection ended.

import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';
import { boundTcp, localPort } from '../bound.ts';
import { handleOf } from '../../engine/handles.ts';
import { until, within } from './wait.ts';

/** How the other side ended: a FIN, a reset, or another error's code. */
export type Finish = string;

export class Peer {
  readonly socket: net.Socket;
  /** Resolves when the other side has ended in any way. Never rejects. */
  readonly finished: Promise<Finish>;
  /** Bytes received so far. */
  received = 0;
  readonly #chunks: Buffer[] = [];
  #finish: Finish | null = null;

  constructor(socket: net.Socket) {
    this.socket = socket;
    this.finished = new Promise((resolve) => {
      const finish = (how: Finish): void => {
        this.#finish ??= how;
        resolve(this.#finish);
      };
      socket.on('end', () => finish(this.#wasReset() ? 'reset' : 'end'));
      socket.on('error', (error: NodeJS.ErrnoException) => {
        finish(error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'reset' : (error.code ?? error.message));
      });
      socket.on('close', () => finish('closed here'));
    });
    socket.on('data', (chunk) => {
      this.received += chunk.length;
      this.#chunks.push(chunk);
    });
  }

  /** libuv before 1.52 reports a reset that comes with data as a clean end, but the peer's name is gone then. */
  #wasReset(): boolean {
    return !this.socket.writableEnded && handleOf(this.socket).getpeername({}) !== 0;
  }

  /** Everything received so far, as text. */
  get text(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }

  get port(): number {
    return this.socket.localPort ?? 0;
  }

  send(data: string | Uint8Array): this {
    this.socket.write(data);
    return this;
  }

  /** Sends a FIN after everything that was sent. Continues to receive. */
  end(): this {
    this.socket.end();
    return this;
  }

  /** Resets the connection, after the FIN if one is pending, because libuv cannot reset before that. */
  reset(): this {
    const { socket } = this;
    if (socket.writableEnded && !socket.writableFinished) socket.once('finish', () => socket.resetAndDestroy());
    else socket.resetAndDestroy();
    return this;
  }

  /** Waits for at least `count` bytes. Rejects if the other side ends earlier. */
  async bytes(count: number): Promise<string> {
    await until(() => this.received >= count || this.#finish !== null, `${count} bytes, have ${this.received}`);
    if (this.received < count) throw new Error(`Got only ${this.received} of ${count} bytes: ${this.#finish}`);
    return this.text;
  }

  /** Waits for the other side to end. */
  async finish(): Promise<Finish> {
    return within(this.finished, `the other side ends (have ${this.received} bytes)`);
  }
}

/** A connected client. Its socket is destroyed after the test. */
export async function client(t: TestContext, port: number, host = '127.0.0.1'): Promise<Peer> {
  const socket = net.connect({ host, port, allowHalfOpen: true, noDelay: true });
  t.after(() => socket.destroy());
  await within(once(socket, 'connect'), 'the client connects');
  return new Peer(socket);
}

export interface Backend {
  readonly port: number;
  /** Every connection so far. */
  readonly peers: readonly Peer[];
  /** Waits for the connection with this index. */
  readonly peer: (index?: number) => Promise<Peer>;
}

/** A listening backend. Calls `serve` with each connection. */
export async function backend(
  t: TestContext,
  serve: (peer: Peer) => void = () => undefined,
  host = '127.0.0.1',
): Promise<Backend> {
  const peers: Peer[] = [];
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    serve(peer);
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const peer of peers) peer.socket.destroy();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('Cannot tell the port of a TCP server');
  const peer = async (index = 0): Promise<Peer> => {
    await until(() => peers.length > index, `the backend has ${index + 1} connections`);
    const found = peers[index];
    if (found === undefined) throw new Error('Cannot happen: waited for it');
    return found;
  };
  return { port: address.port, peers, peer };
}

/** Sends everything back, and ends when the other side ends. */
export function echo(peer: Peer): void {
  peer.socket.pipe(peer.socket);
}

/** A port that refuses connections during the test: bound, so that nobody else gets it, but not listening. */
export function refusingPort(t: TestContext): number {
  const handle = boundTcp('127.0.0.1', 0);
  t.after(() => handle.close());
  return localPort(handle);
}
