// The commands' end of the control socket. Failures are returned as values. node:http is loaded with the first request.
import type { IncomingMessage } from 'node:http';

/**
 * not_running: nothing listens. denied: the socket belongs to another user. timeout: something accepts but does not answer.
 * bad_answer: the connection broke, or the answer is not bal's.
 */
export type Failure = 'not_running' | 'denied' | 'timeout' | 'bad_answer';

export type Answer =
  | { readonly ok: true; readonly status: number; readonly body: unknown }
  | { readonly ok: false; readonly cause: Failure; readonly detail: string };

/** For a document, or one line of a stream. */
const MAX_ANSWER = 16 * 1024 * 1024;

/** Sends one request and reads one JSON document. `timeoutMs` is for the whole exchange. Never rejects. */
export async function request(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Answer> {
  let text = '';
  const end = await exchange(
    { socketPath, method, path, body, totalMs: timeoutMs, silentMs: timeoutMs, signal },
    (chunk) => {
      text += chunk;
      return text.length;
    },
  );
  return end.ok ? document(end.status, text) : end;
}

/**
 * Sends one request and passes each line of JSON to `onLine` as it arrives. `silentMs` is the longest time without a byte. The
 * body of the result is null after lines, and the document if the status was not 200. Never rejects.
 */
export async function stream(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
  silentMs: number,
  onLine: (value: unknown) => void,
  signal?: AbortSignal,
): Promise<Answer> {
  let rest = '';
  let broken = false;
  const end = await exchange({ socketPath, method, path, body, totalMs: null, silentMs, signal }, (chunk, status) => {
    rest += chunk;
    // Split only when a line ends, or a long one would be searched again with each chunk.
    if (status !== 200 || !chunk.includes('\n')) return rest.length;
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((candidate) => candidate !== '')) {
      const parsed = document(status, line);
      if (parsed.ok) onLine(parsed.body);
      else broken = true;
    }
    return rest.length;
  });
  if (!end.ok) return end;
  if (end.status !== 200) return document(end.status, rest);
  if (broken || rest !== '') return { ok: false, cause: 'bad_answer', detail: 'a line of the answer is not JSON' };
  return { ok: true, status: 200, body: null };
}

interface Call {
  readonly socketPath: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: unknown;
  readonly totalMs: number | null;
  readonly silentMs: number;
  /** Ends the wait. */
  readonly signal: AbortSignal | undefined;
}

type End = { readonly ok: true; readonly status: number } | (Answer & { readonly ok: false });

/** `onText` returns how much it holds, to keep an answer without end from filling the memory. */
async function exchange(call: Call, onText: (chunk: string, status: number) => number): Promise<End> {
  const http = await import('node:http');
  return new Promise<End>((resolve) => {
    const payload = call.body === undefined ? '' : JSON.stringify(call.body);
    const outgoing = http.request({
      socketPath: call.socketPath,
      method: call.method,
      path: call.path,
      agent: false,
      headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) },
    });
    let silence: NodeJS.Timeout | undefined;
    const settle = (end: End) => {
      clearTimeout(silence);
      clearTimeout(total);
      call.signal?.removeEventListener('abort', giveUp);
      outgoing.destroy();
      resolve(end);
    };
    const lost = (what: string) => settle({ ok: false, cause: 'bad_answer', detail: what });
    const late = (ms: number) => settle({ ok: false, cause: 'timeout', detail: `no answer within ${ms} ms` });
    const giveUp = () => settle({ ok: false, cause: 'timeout', detail: 'no answer in time' });
    call.signal?.addEventListener('abort', giveUp);
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => late(call.silentMs), call.silentMs);
    };
    const total = call.totalMs === null ? undefined : setTimeout(late, call.totalMs, call.totalMs);
    listen();
    outgoing.on('error', (error: NodeJS.ErrnoException) => settle({ ok: false, ...causeOf(error) }));
    outgoing.on('response', (response: IncomingMessage) => {
      const status = response.statusCode ?? 0;
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        listen();
        if (onText(chunk, status) > MAX_ANSWER) lost(`the answer is over ${MAX_ANSWER} bytes`);
      });
      response.on('end', () => settle({ ok: true, status }));
      response.on('error', (error) => lost(error.message));
      response.on('close', () => lost('the connection was closed in the middle of the answer'));
    });
    // An aborted signal has no event to come.
    if (call.signal?.aborted === true) giveUp();
    else outgoing.end(payload);
  });
}

const NOBODY = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED']);
const FORBIDDEN = new Set(['EACCES', 'EPERM']);

function causeOf(error: NodeJS.ErrnoException): { readonly cause: Failure; readonly detail: string } {
  const code = error.code ?? '';
  const cause = NOBODY.has(code) ? 'not_running' : FORBIDDEN.has(code) ? 'denied' : 'bad_answer';
  return { cause, detail: error.message };
}

function document(status: number, text: string): Answer {
  try {
    const body: unknown = JSON.parse(text);
    return { ok: true, status, body };
  } catch {
    return { ok: false, cause: 'bad_answer', detail: 'the answer is not JSON' };
  }
}
