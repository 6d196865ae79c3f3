// A backend inside the test's process that behaves as badly as the test wants. Its port is reserved, so it can go down
// and come back on the same one, and lies outside the range of outgoing ports: a connect to a closed port inside that
// range can, on loopback, succeed by meeting itself.
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
  /** As `status` names it. */
  readonly address: string;
  /** Connections accepted so far. */
  readonly accepted: number;
  readonly live: ReadonlySet<Socket>;
  /** How the far sides of the connections that are over went away, in that order. Filled for behaviours that read. */
  readonly endings: readonly Ending[];
  /** Bytes read so far, over all connections. */
  readonly received: number;
  /** Dies: nothing listens any more, and every connection is closed as the kernel closes those of a killed process. */
  readonly die: () => Promise<void>;
  /** Refuses new connections, keeps those it has. */
  readonly refuse: () => Promise<void>;
  /** Listens again on the same port. */
  readonly recover: () => Promise<void>;
  /** Does something else from the next connection on. */
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
    // close() ends listening at once; its callback waits for connections that may be meant to go on.
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
