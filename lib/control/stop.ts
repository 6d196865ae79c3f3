// The stop request of the control protocol, and the stream of its progress.

import type { ServerResponse } from 'node:http';

import type { StopProgress, StopRequest } from './protocol.ts';

/** The interval of the empty line that shows that a draining stop is alive; the client ignores it. */
const HEARTBEAT_MS = 1000;
/** The longest drain time that a request may have: a week. */
const MAX_DRAIN_MS = 7 * 24 * 3600 * 1000;

type Stop = (request: StopRequest, progress: (progress: StopProgress) => void) => Promise<void>;

/** Starts the answer at once, so that the client knows that the stop is under way; ends it when the handler ends. */
export async function streamStop(stop: Stop, request: StopRequest, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson', Connection: 'close' });
  response.flushHeaders();
  const send = (text: string) => {
    // Drop lines if the client does not read; the stop must not wait for it.
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

/** Validates a StopRequest; null if it is none. Without a body, the configured times apply. */
export function stopRequest(body: unknown): StopRequest | null {
  if (body === null) return { timeout_ms: null, now: false };
  if (typeof body !== 'object' || Array.isArray(body)) return null;
  // Otherwise a misspelt `now` would be a stop that drains.
  if (!Object.keys(body).every((key) => key === 'timeout_ms' || key === 'now')) return null;
  const timeout: unknown = 'timeout_ms' in body ? body.timeout_ms : null;
  const now: unknown = 'now' in body ? body.now : false;
  if (typeof now !== 'boolean') return null;
  if (timeout === null) return { timeout_ms: null, now };
  // A whole number, or the predecessor of an upgrade would pass the request over (upgrade/protocol.ts).
  if (typeof timeout !== 'number' || !Number.isInteger(timeout)) return null;
  if (timeout < 0 || timeout > MAX_DRAIN_MS) return null;
  return { timeout_ms: timeout, now };
}
