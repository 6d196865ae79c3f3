// Events as they happen, to a client that stays: lines of JSON for the commands, server-sent events for browsers.

import type { ServerResponse } from 'node:http';

import type { EventRecord } from './protocol.ts';

/** Where events come from. */
export interface EventSource {
  /** Oldest first. */
  recent(): readonly EventRecord[];
  /** Calls `listener` for each new event until the returned function is called. */
  subscribe(listener: (event: EventRecord) => void): () => void;
}

/** How often a silent stream shows that it is alive. */
const HEARTBEAT_MS = 5000;

/**
 * Sends all recent events and then each new one, until the client goes. A client that does not read loses events
 * instead of filling memory; the gap shows in `seq`.
 */
export function streamEvents(source: EventSource, response: ServerResponse, format: 'ndjson' | 'sse'): void {
  response.writeHead(200, {
    'Content-Type': format === 'sse' ? 'text/event-stream' : 'application/x-ndjson',
    'Cache-Control': 'no-store',
    Connection: 'close',
  });
  const written = (event: EventRecord): string => {
    const json = JSON.stringify(event);
    return format === 'sse' ? `id: ${event.seq}\nevent: event\ndata: ${json}\n\n` : `${json}\n`;
  };
  const send = (text: string): void => {
    if (!response.writableNeedDrain && !response.destroyed) response.write(text);
  };
  const alive = format === 'sse' ? ': alive\n\n' : '\n';
  const beat = setInterval(() => send(alive), HEARTBEAT_MS);
  response.write(source.recent().map(written).join('') + alive);
  const leave = source.subscribe((event) => send(written(event)));
  response.on('close', () => {
    clearInterval(beat);
    leave();
  });
}
