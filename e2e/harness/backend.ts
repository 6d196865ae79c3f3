// A backend in the test's process that misbehaves as the test wants. Its port is reserved, so it can go down and come back on
// it, and is outside the ephemeral range: on loopback a connect to a closed port inside that range can succeed by connecting
// to itself.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { ending, type Ending } from './ending.ts';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';

/** What a backend does with a connection. */
export type Behaviour = (socket: Socket) => void;

export interface Backend {
  readonly host: string;
  readonly port: number;
  /** Its name in `status`. */
  readonly address: string;
  /** Connections accepted so far. */
  readonly accepted: number;
  readonly live: ReadonlySet<Socket>;
  /** How the peers of ended connections went away, in order. Only for behaviours that read. */
  readonly endings: readonly Ending[];
  /** Bytes read so far, over all connections. */
  readonly received: number;
  /** Dies: stops listening, and closes every connection as the kernel does for a killed process. */
  readonly die: () => Promise<void>;
  /** Refuses new connections, keeps those it has. */
  readonly refuse: () => Promise<void>;
  /** Listens again on the same port. */
  readonly recover: () => Promise<void>;
  /** Changes the behaviour from the next connection on. */
  readonly behave: (behaviour: Behaviour) => void;
}

export async function backend(
  t: Owner,
  behaviour: Behaviour,
  { host = '127.0.0.1', port: wanted = 0 }: { host?: string; port?: number } = {},
): Promise<Backend> {
  const port = wanted === 0 ? await freePort() : wanted;
  const live = new Set<Socket>();
  const endings: Ending[] = [];
  let current = behaviour;
  let accepted = 0;
  let received = 0;
  let server: Server | null = null;

  function accept(socket: Socket): void {
    accepted++;
    live.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    socket.pause(); // until the behaviour wants to read
    void ending(socket).then((how) => endings.push(how));
    socket.once('close', () => live.delete(socket));
    current(socket);
  }
  async function recover(): Promise<void> {
    server = createServer({ allowHalfOpen: true }, accept);
    server.listen({ port, host, exclusive: true });
    await once(server, 'listening');
  }
  async function refuse(): Promise<void> {
    const closing = server;
    server = null;
    closing?.close();
    // close() stops listening at once. Do not wait for its callback: it waits for connections that may continue.
    await Promise.resolve();
  }
  async function die(): Promise<void> {
    await refuse();
    for (const socket of live) socket.destroy();
  }

  await recover();
  atEnd(t, die);
  return {
    host,
    port,
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    live,
    endings,
    get accepted() {
      return accepted;
    },
    get received() {
      return received;
    },
    die,
    refuse,
    recover,
    behave: (next) => (current = next),
  };
}
