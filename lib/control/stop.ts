// A stop over the control protocol: what is asked, and how its progress is told.

import type { ServerResponse } from 'node:http';

import type { StopProgress, StopRequest } from './protocol.ts';

/** How often a stop that drains shows that it is alive: an empty line, which the client ignores. */
const HEARTBEAT_MS = 1000;
/** The longest drain time that may be asked for: a week. */
const MAX_DRAIN_MS = 7 * 24 * 3600 * 1000;

type Stop = (request: StopRequest, progress: (progress: StopProgress) => void) => Promise<void>;

/** The answer begins at once, so that the client knows that the stop is under way, and ends when the handler does. */
export async function streamStop(stop: Stop, request: StopRequest, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson', Connection: 'close' });
  response.flushHeaders();
  const send = (text: string) => {
    // A client that does not read gets no more; the stop does not wait for it.
    if (!response.writableNeedDrain && !response.writableEnded && !response.destroyed) response.write(text);
  };
  const heartbeat = setInterval(() => send('\n'), HEARTBEAT_MS);
  response.on('close', () => clearInterval(heartbeat));
  try {
    await stop(request, (progress) => send(`${JSON.stringify(progress)}\n`));
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
