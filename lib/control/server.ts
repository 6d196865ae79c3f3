// The primary's end of the control socket. Bytes, clients and the time of a client are bounded, because a control socket that can
// be filled up fails when it is needed. No client can make the primary throw.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { EventSource } from './event-stream.ts';
import { streamEvents } from './event-stream.ts';
import type { Plan } from '../../config/plan.ts';
import { backendRequest, type BackendRequest, type BackendVerdict } from './backends.ts';
import { listenPrivately, listenUnseen } from './listen.ts';
import { upgradeRequest, type UpgradeRequest, type UpgradeVerdict } from './upgrade.ts';
import type { ReloadVerdict, Status, StopProgress, StopRequest } from './protocol.ts';
import type { Why } from './why.ts';
import { stopRequest, streamStop } from './stop.ts';
import { MAX_BODY, METRICS_TYPE, answer, sendError, sendJson, sendText, type Route } from './router.ts';

export interface ControlHandlers {
  status(): Promise<Status>;
  metrics(): Promise<string>;
  /** The configuration in use. */
  plan(): Promise<Plan>;
  reload(): Promise<ReloadVerdict>;
  backends(request: BackendRequest): Promise<BackendVerdict>;
  why(): Promise<Why>;
  upgrade(request: UpgradeRequest): Promise<UpgradeVerdict>;
  readonly events: EventSource;
  /** `progress` may be called any number of times until the promise settles; the primary exits afterwards. */
  stop(request: StopRequest, progress: (progress: StopProgress) => void): Promise<void>;
}

const MAX_CLIENTS = 64;
/** Followers on the group's socket: at most half of the places, so that questions find one. */
const MAX_FOLLOWERS = MAX_CLIENTS / 2;
const BACKEND_REQUEST = '{"action": …, "address": …}, for "weight" also "weight"';
const SEND_MS = 5000;
const CLOSE_MS = 1000;

export interface ControlServer {
  /** Frees the path at once, for another process. Requests under way still get their answers. */
  withdraw(): void;
  /** Takes no new clients, waits at most 1 s for running answers, and removes the socket. */
  close(): Promise<void>;
  /** Resolves when it has been withdrawn or closed, and the last answer is over. */
  readonly closed: Promise<void>;
}

/**
 * Serves the control protocol on a Unix socket at `path`, mode 0600. Replaces a stale socket. Rejects if the path cannot be used
 * or another process listens there.
 */
export async function serveControl(path: string, handlers: ControlHandlers): Promise<ControlServer> {
  const followers = new Set<ServerResponse>();
  const server = serverOf([...questions(handlers, followers, MAX_CLIENTS), ...changes(handlers)]);
  const remove = await listenPrivately(server, path);
  return controlServer(server, followers, remove);
}

/** A server that takes no client before it appears. */
export interface UnseenServer {
  /** Replaces any socket at the path. */
  appear(): ControlServer;
  discard(): void;
}

/** Serves only the questions of the control protocol, to a group, mode 0660. Rejects with the error of bind(2) or chown(2). */
export async function serveQuestions(path: string, handlers: ControlHandlers, group: number): Promise<UnseenServer> {
  const followers = new Set<ServerResponse>();
  const refused = changes(handlers).map((route) => ({ ...route, handle: refuseChange }));
  const server = serverOf([...questions(handlers, followers, MAX_FOLLOWERS), ...refused]);
  try {
    const unseen = await listenUnseen(server, path, group);
    return {
      appear: () => controlServer(server, followers, unseen.appear()),
      discard() {
        unseen.discard();
        server.close();
      },
    };
  } catch (error) {
    server.close();
    throw error;
  }
}

function serverOf(routes: readonly Route[]): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_BODY,
      headersTimeout: SEND_MS,
      requestTimeout: SEND_MS,
      connectionsCheckingInterval: 500,
      keepAlive: false,
    },
    (request, response) => void answer(routes, request, response),
  );
  server.maxConnections = MAX_CLIENTS;
  server.on('clientError', refuse);
  return server;
}

function controlServer(server: Server, followers: ReadonlySet<ServerResponse>, remove: () => void): ControlServer {
  // Errors while accepting: the client sees them, and a later one may get in.
  server.on('error', () => {});
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  function withdraw(): void {
    if (!server.listening) return;
    remove();
    server.close();
    // End the streams of followers, or they, and close() with them, would wait for ever.
    for (const response of followers) response.end();
  }
  return {
    withdraw,
    async close() {
      withdraw();
      const force = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
      await closed;
      clearTimeout(force);
    },
    closed,
  };
}

function questions(handlers: ControlHandlers, followers: Set<ServerResponse>, most: number): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/status',
      handle: async (_body, response) => sendJson(response, 200, await handlers.status()),
    },
    {
      method: 'GET',
      path: '/why',
      handle: async (_body, response) => sendJson(response, 200, await handlers.why()),
    },
    {
      method: 'GET',
      path: '/metrics',
      handle: async (_body, response) => sendText(response, 200, METRICS_TYPE, await handlers.metrics()),
    },
    {
      method: 'GET',
      path: '/events',
      handle: (_body, response) => Promise.resolve(sendJson(response, 200, handlers.events.recent())),
    },
    {
      method: 'GET',
      path: '/events/follow',
      handle: (_body, response) => {
        if (followers.size >= most) {
          sendError(response, 429, `at most ${most} may follow at a time`);
          return Promise.resolve();
        }
        followers.add(response);
        response.on('close', () => followers.delete(response));
        return Promise.resolve(streamEvents(handlers.events, response, 'ndjson'));
      },
    },
    {
      method: 'GET',
      path: '/plan',
      handle: async (_body, response) => sendJson(response, 200, await handlers.plan()),
    },
  ];
}

function changes(handlers: ControlHandlers): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/reload',
      handle: async (_body, response) => sendJson(response, 200, await handlers.reload()),
    },
    {
      method: 'POST',
      path: '/upgrade',
      handle: async (body, response) => {
        const request = upgradeRequest(body);
        if (request === null) return sendError(response, 400, 'expected {"program": path, "node": path}');
        return sendJson(response, 200, await handlers.upgrade(request));
      },
    },
    {
      method: 'POST',
      path: '/backends',
      handle: async (body, response) => {
        const request = backendRequest(body);
        if (request === null) return sendError(response, 400, `expected ${BACKEND_REQUEST}`);
        return sendJson(response, 200, await handlers.backends(request));
      },
    },
    {
      method: 'POST',
      path: '/stop',
      handle: async (body, response) => {
        const request = stopRequest(body);
        if (request === null) {
          return sendError(response, 400, 'expected {"timeout_ms": milliseconds or null, "now": true or false}');
        }
        await streamStop((asked, progress) => handlers.stop(asked, progress), request, response);
      },
    },
  ];
}

function refuseChange(_body: unknown, response: ServerResponse): Promise<void> {
  sendError(response, 403, 'who comes by this socket may ask, and change nothing');
  return Promise.resolve();
}

/** Answers requests that are not HTTP or arrive too late, and hangs up. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex & { destroySoon?: () => void }): void {
  const [status, message] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['408 Request Timeout', 'the request did not arrive in time']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ['431 Request Header Fields Too Large', `the header is over ${MAX_BODY} bytes`]
        : ['400 Bad Request', 'this is not HTTP'];
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const body = `${JSON.stringify({ error: message })}\n`;
  socket.write(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
  // end() alone would leave the socket and its place to a client that never closes its side.
  if (socket.destroySoon === undefined) socket.destroy();
  else socket.destroySoon();
}
