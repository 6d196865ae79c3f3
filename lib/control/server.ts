// The primary's end of the control socket. Everything is bounded, because a control socket that can be filled up is one
// that fails when it is needed: bytes, clients, and the time a client may take. No client can throw into the primary.
import { createServer, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { EventSource } from './event-stream.ts';
import { streamEvents } from './event-stream.ts';
import type { Plan } from '../../config/plan.ts';
import { backendRequest, type BackendRequest, type BackendVerdict } from './backends.ts';
import { listenPrivately } from './listen.ts';
import { upgradeRequest, type UpgradeRequest, type UpgradeVerdict } from './upgrade.ts';
import type { ReloadVerdict, Status, StopProgress, StopRequest } from './protocol.ts';
import type { Why } from './why.ts';
import { MAX_BODY, answer, sendError, sendJson, type Route } from './router.ts';

export interface ControlHandlers {
  status(): Promise<Status>;
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
const BACKEND_REQUEST = '{"action": …, "address": …}, for "weight" also "weight"';
const SEND_MS = 5000;
const CLOSE_MS = 1000;
/** How often a stop that drains shows that it is alive: an empty line, which the client ignores. */
const HEARTBEAT_MS = 1000;
/** The longest drain time that may be asked for: a week. */
const MAX_DRAIN_MS = 7 * 24 * 3600 * 1000;

export interface ControlServer {
  /** The path is free at once, for another process; who has asked already gets an answer. */
  withdraw(): void;
  /** Takes no new clients, lets running answers end for at most a second, and removes the socket. */
  close(): Promise<void>;
}

/**
 * Serves the control protocol on a Unix socket at `path`, mode 0600. A stale socket is replaced; rejects when the path
 * cannot be used or somebody listens there.
 */
export async function serveControl(path: string, handlers: ControlHandlers): Promise<ControlServer> {
  const followers = new Set<ServerResponse>();
  const routes = controlRoutes(handlers, followers);
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
  const remove = await listenPrivately(server, path);
  // Errors while accepting: the client sees them, and a later one may get in.
  server.on('error', () => {});
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  function withdraw(): void {
    if (!server.listening) return;
    remove();
    server.close();
    // Who follows events is told that this is the end; he would wait for ever, and close() for him.
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
  };
}

function controlRoutes(handlers: ControlHandlers, followers: Set<ServerResponse>): readonly Route[] {
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
      path: '/events',
      handle: (_body, response) => Promise.resolve(sendJson(response, 200, handlers.events.recent())),
    },
    {
      method: 'GET',
      path: '/events/follow',
      handle: (_body, response) => {
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
        await streamStop(handlers, request, response);
      },
    },
  ];
}

/** The answer begins at once, so that the client knows that the stop is under way, and ends when the handler does. */
async function streamStop(handlers: ControlHandlers, request: StopRequest, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson', Connection: 'close' });
  response.flushHeaders();
  const send = (text: string) => {
    // A client that does not read gets no more; the stop does not wait for it.
    if (!response.writableNeedDrain && !response.writableEnded && !response.destroyed) response.write(text);
  };
  const heartbeat = setInterval(() => send('\n'), HEARTBEAT_MS);
  response.on('close', () => clearInterval(heartbeat));
  try {
    await handlers.stop(request, (progress) => send(`${JSON.stringify(progress)}\n`));
  } finally {
    response.end();
  }
}

/** What the client asks of a stop; null when it is not a StopRequest. No body means: as configured. */
export function stopRequest(body: unknown): StopRequest | null {
  if (body === null) return { timeout_ms: null, now: false };
  if (typeof body !== 'object' || Array.isArray(body)) return null;
  // A misspelt `now` would else be a stop that drains.
  if (!Object.keys(body).every((key) => key === 'timeout_ms' || key === 'now')) return null;
  const timeout: unknown = 'timeout_ms' in body ? body.timeout_ms : null;
  const now: unknown = 'now' in body ? body.now : false;
  if (typeof now !== 'boolean') return null;
  if (timeout === null) return { timeout_ms: null, now };
  if (typeof timeout !== 'number' || !(timeout >= 0 && timeout <= MAX_DRAIN_MS)) return null;
  return { timeout_ms: timeout, now };
}

/** Answers what is not HTTP, or did not arrive in time, and hangs up. */
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
  // end() alone would leave the socket, and its place, to a client that never closes its side.
  if (socket.destroySoon === undefined) socket.destroy();
  else socket.destroySoon();
}
