// The read-only admin listener: metrics, readiness, status, events and the page, over HTTP on a TCP address. It answers under any
// traffic, limits its clients, and cannot change anything.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { isIP } from 'node:net';

import type { EventSource } from './event-stream.ts';
import { streamEvents } from './event-stream.ts';
import type { Readiness, Status } from './protocol.ts';
import type { Route } from './router.ts';
import { METRICS_TYPE, answer, sendError, sendJson, sendText } from './router.ts';

/** The page and the hashes of its inline parts, for the Content-Security-Policy. */
export interface Page {
  readonly html: string;
  readonly policy: string;
}

export interface AdminHandlers {
  status(): Promise<Status>;
  metrics(): Promise<string>;
  readiness(): Readiness;
  page(): Page;
  /** Host names that requests may use. */
  hosts(): readonly string[];
  readonly events: EventSource;
}

export interface AdminServer {
  close(): Promise<void>;
}

const MAX_CLIENTS = 64;
const MAX_STREAMS = 16;
const SEND_MS = 5000;
/** The interval of status messages on a browser's stream. */
const STATUS_MS = 1000;

/** Rejects with the error of listen(2). */
export async function serveAdmin(ip: string, port: number, handlers: AdminHandlers): Promise<AdminServer> {
  const streams = new Set<ServerResponse>();
  const routes = adminRoutes(handlers, streams);
  const server = createServer(
    { maxHeaderSize: 16 * 1024, headersTimeout: SEND_MS, requestTimeout: SEND_MS, connectionsCheckingInterval: 500 },
    (request, response) => {
      secure(response);
      if (!isKnownHost(request, handlers.hosts())) {
        sendError(response, 421, 'this name is not served here: use the IP address, or add the name to admin_hosts');
        return;
      }
      void answer(routes, request, response);
    },
  );
  server.maxConnections = MAX_CLIENTS;
  // One status for all streams, and only while there are any.
  const ticker = setInterval(() => {
    if (streams.size > 0) void pushStatus(handlers, streams);
  }, STATUS_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: ip, port, exclusive: true }, resolve);
    });
  } catch (error) {
    clearInterval(ticker);
    throw error;
  }
  server.on('error', () => undefined);
  return {
    async close() {
      clearInterval(ticker);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function adminRoutes(handlers: AdminHandlers, streams: Set<ServerResponse>): readonly Route[] {
  const get = (path: string, handle: (response: ServerResponse) => Promise<void> | void): Route => ({
    method: 'GET',
    path,
    handle: async (_body, response) => handle(response),
  });
  return [
    get('/', (response) => {
      const { html, policy } = handlers.page();
      response.setHeader('Content-Security-Policy', policy);
      sendText(response, 200, 'text/html; charset=utf-8', html);
    }),
    get('/metrics', async (response) => {
      sendText(response, 200, METRICS_TYPE, await handlers.metrics());
    }),
    get('/healthz', (response) => sendJson(response, 200, { alive: true })),
    get('/readyz', (response) => {
      const readiness = handlers.readiness();
      sendJson(response, readiness.ready ? 200 : 503, readiness);
    }),
    get('/status', async (response) => sendJson(response, 200, await handlers.status())),
    get('/events', (response) => {
      if (streams.size >= MAX_STREAMS) {
        sendError(response, 503, `at most ${MAX_STREAMS} clients may follow at a time`);
        return;
      }
      streams.add(response);
      response.on('close', () => streams.delete(response));
      streamEvents(handlers.events, response, 'sse');
      if (response.writableEnded) return;
      void pushStatus(handlers, new Set([response]));
    }),
  ];
}

/** Never rejects. A stream that cannot be told the status ends, as any answer that has begun does on an error. */
async function pushStatus(handlers: AdminHandlers, streams: ReadonlySet<ServerResponse>): Promise<void> {
  let text: string;
  try {
    const status = JSON.stringify(await handlers.status());
    const readiness = JSON.stringify(handlers.readiness());
    text = `event: status\ndata: ${status}\n\nevent: readiness\ndata: ${readiness}\n\n`;
  } catch {
    for (const response of streams) response.end();
    return;
  }
  for (const response of streams) if (!response.writableNeedDrain && !response.destroyed) response.write(text);
}

/** Headers of every answer. The page overrides the policy with one that allows its own inline parts. */
function secure(response: ServerResponse): void {
  response.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('X-Frame-Options', 'DENY');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Connection', 'close');
}

/**
 * Prevents DNS rebinding: a web site can point its own name at this machine and have a browser here read the answers. So only IP
 * addresses, localhost and the configured names are accepted.
 */
function isKnownHost({ headers: { host } }: IncomingMessage, allowed: readonly string[]): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || isIP(name) !== 0 || allowed.includes(name.toLowerCase().replace(/\.$/, ''));
}
