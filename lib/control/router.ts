// Routes an HTTP request to its handler, and turns everything else into an error in JSON. Knows neither sockets nor handlers, so
// that every HTTP listener can have its own routes.
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Another process has taken over; the client should ask again. */
export class Elsewhere extends Error {
  constructor() {
    super('another process has taken over, ask again');
  }
}

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Answers on `response`. If it throws, the client gets a 500 with the message. `body` is null if there was none. */
  handle(body: unknown, response: ServerResponse): Promise<void>;
}

/** The text format that Prometheus reads. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The limit of a request's body, in bytes. */
export const MAX_BODY = 64 * 1024;
/** How long a client may take to read an answer, in ms. */
const READ_MS = 5000;

/** Answers one request from `routes`. Settles when the handler has; never rejects. */
export async function answer(routes: readonly Route[], request: IncomingMessage, response: ServerResponse) {
  // A client that leaves in the middle is no error.
  response.on('error', () => {});
  try {
    const body = await readBody(request);
    if (body.kind === 'gone') return;
    if (body.kind === 'too_large') return sendError(response, 413, `the body is over ${MAX_BODY} bytes`);
    const path = pathOf(request.url ?? '');
    const here = routes.filter((route) => route.path === path);
    if (here.length === 0) {
      return sendError(response, 404, `there is no ${path}; try ${routes.map((route) => route.path).join(', ')}`);
    }
    // Node omits the body of the answer to HEAD by itself.
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const route = here.find((candidate) => candidate.method === method);
    if (route === undefined) {
      const allowed = here.flatMap((candidate) => (candidate.method === 'GET' ? ['GET', 'HEAD'] : candidate.method));
      response.setHeader('Allow', allowed.join(', '));
      return sendError(response, 405, `${path} takes ${allowed.join(' or ')} only`);
    }
    const parsed = parse(body.text);
    if (!parsed.ok) return sendError(response, 400, 'the body is not JSON');
    await route.handle(parsed.value, response);
  } catch (error) {
    if (response.headersSent) response.end();
    else if (error instanceof Elsewhere) sendError(response, 503, error.message);
    else sendError(response, 500, error instanceof Error ? error.message : String(error));
  }
}

/** The path of a target in either form: a client that thinks it talks to a proxy sends the absolute one (RFC 9112, section 3.2.2). */
function pathOf(target: string): string {
  const [path = ''] = target.replace(/^https?:\/\/[^/?]*/i, '').split('?', 1);
  return path === '' ? '/' : path;
}

/** Answers with a JSON document and ends the connection. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendText(response, status, 'application/json', `${JSON.stringify(value)}\n`);
}

/** Answers with a whole text and ends the connection, at the latest when the client's time to read is over. */
export function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    Connection: 'close',
  });
  response.end(text);
  // A client that does not read must not keep its place for ever.
  // (Not socket.setTimeout, which restarts if it finds that the write queue has changed since it was set.)
  const { socket } = response;
  const impatience = setTimeout(() => socket?.destroy(), READ_MS);
  response.on('close', () => clearTimeout(impatience));
}

export function sendError(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { error: message });
}

type Body =
  { readonly kind: 'whole'; readonly text: string } | { readonly kind: 'too_large' } | { readonly kind: 'gone' };

function readBody(request: IncomingMessage): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY) chunks.push(chunk);
      else {
        request.pause();
        resolve({ kind: 'too_large' });
      }
    });
    request.on('end', () => resolve({ kind: 'whole', text: Buffer.concat(chunks).toString() }));
    request.on('error', () => resolve({ kind: 'gone' }));
    request.on('close', () => resolve({ kind: 'gone' }));
  });
}

function parse(text: string): { readonly ok: true; readonly value: unknown } | { readonly ok: false } {
  if (text.trim() === '') return { ok: true, value: null };
  try {
    const value: unknown = JSON.parse(text);
    return { ok: true, value };
  } catch {
    return { ok: false };
  }
}
