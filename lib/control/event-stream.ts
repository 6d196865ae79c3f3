// Streams events to a client: lines of JSON for the commands, server-sent events for browsers.

import type { ServerResponse } from 'node:http';

import type { EventRecord } from './protocol.ts';

/** The source of events. */
export interface EventSource {
  /** Oldest first. */
  recent(): readonly EventRecord[];
  /** Calls `listener` for each new event until the returned function is called. */
  subscribe(listener: (event: EventRecord) => void): () => void;
}

/** The interval of keep-alive lines on a silent stream. */
const HEARTBEAT_MS = 5000;
/** A browser that has read nothing for this many beats loses its place: there are few. */
const MAX_STALLED_BEATS = 6;

/**
 * Sends all recent events and then each new one, until the client goes. A client that does not read loses events instead of
 * filling memory; the gap shows in `seq`.
 */
export function streamEvents(source: EventSource, response: ServerResponse, format: 'ndjson' | 'sse'): void {
  response.writeHead(200, {
    'Content-Type': format === 'sse' ? 'text/event-stream' : 'application/x-ndjson',
    'Cache-Control': 'no-store',
    Connection: 'close',
  });
  if (response.req.method === 'HEAD') {
    response.end();
    return;
  }
  const written = (event: EventRecord): string => {
    const json = JSON.stringify(event);
    return format === 'sse' ? `id: ${event.seq}\nevent: event\ndata: ${json}\n\n` : `${json}\n`;
  };
  const send = (text: string): void => {
    if (!response.writableNeedDrain && !response.writableEnded && !response.destroyed) response.write(text);
  };
  const alive = format === 'sse' ? ': alive\n\n' : '\n';
  let stalled = 0;
  const beat = setInterval(() => {
    send(alive);
    stalled = response.writableNeedDrain ? stalled + 1 : 0;
    // `bal events -f` in a pager may pause for any length of time.
    if (format === 'sse' && stalled > MAX_STALLED_BEATS) response.destroy();
  }, HEARTBEAT_MS);
  response.on('drain', () => (stalled = 0));
  response.write(source.recent().map(written).join('') + alive);
  const leave = source.subscribe((event) => send(written(event)));
  response.on('close', () => {
    clearInterval(beat);
    leave();
  });
}
