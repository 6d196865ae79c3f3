// A complete sample backend: a listening socket with a behaviour. Used by backend.ts and demo.ts.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { answerEcho, answerHttp, type Protocol } from './answer.ts';
import type { Behaviour } from './behaviour.ts';
import { conduct as newConduct, type Conduct } from './conduct.ts';

export interface BackendOptions {
  readonly name: string;
  readonly host: string;
  /** 0 lets the system choose. The port then stays the same. */
  readonly port: number;
  readonly protocol: Protocol;
  readonly behaviour: Behaviour;
}

export interface Backend {
  readonly name: string;
  readonly port: number;
  readonly conduct: Conduct;
  /** Requests (http) or connections (echo) since the start. */
  readonly count: number;
  /** Connections open now. */
  readonly open: number;
  close(): void;
}

/** Listens, then applies `options.behaviour`. Rejects when it cannot bind. */
export async function startBackend(options: BackendOptions): Promise<Backend> {
  const { name, host, protocol } = options;
  const open = new Set<Socket>();
  let port = options.port;
  let count = 0;
  let flapping: NodeJS.Timeout | undefined;

  // A half-closed connection must stay open: the client may end first and still read.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    if (conduct.now.kind === 'reset') socket.resetAndDestroy();
    else void conduct.released().then(() => (socket.destroyed ? undefined : answer(socket)));
  });

  const listen = async (): Promise<void> => {
    if (server.listening) return;
    server.listen(port, host);
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') port = address.port;
  };
  const refuse = (): void => {
    if (server.listening) server.close();
  };
  const apply = async (next: Behaviour): Promise<void> => {
    clearInterval(flapping);
    if (next.kind === 'refuse' || next.kind === 'flap') refuse();
    else await listen();
    if (next.kind === 'reset') for (const socket of open) socket.resetAndDestroy();
    if (next.kind === 'flap') {
      // Another program may take the port while it is free. The next turn tries again.
      flapping = setInterval(() => (server.listening ? refuse() : void listen().catch(() => {})), next.ms);
    }
  };

  const conduct = newConduct(options.behaviour, apply);
  const counted = (): number => (count += 1);
  const answer = protocol === 'http' ? answerHttp(name, conduct, counted) : answerEcho(conduct, counted);
  await listen();
  await apply(options.behaviour);
  return {
    name,
    get port() {
      return port;
    },
    conduct,
    get count() {
      return count;
    },
    get open() {
      return open.size;
    },
    close() {
      clearInterval(flapping);
      refuse();
      for (const socket of open) socket.destroy();
    },
  };
}
