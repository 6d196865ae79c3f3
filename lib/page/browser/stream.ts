// The connection to bal: one stream of server-sent events. Reconnects itself, even where a browser would give up (after an HTTP
// error) or not notice (after the computer slept).

import type { EventRecord, Readiness, Status } from '../../control/protocol.ts';

export interface Follower {
  opened(): void;
  lost(): void;
  status(status: Status): void;
  readiness(readiness: Readiness): void;
  event(event: EventRecord): void;
}

const AGAIN_MS = 1000;
/** bal sends a status every second. */
const SILENT_MS = 5000;

/** Follows the stream for as long as the page exists. */
export function follow(url: string, follower: Follower): void {
  let source: EventSource | null = null;
  let lastMessageAt = performance.now();

  function open(): void {
    const current = new EventSource(url);
    source = current;
    lastMessageAt = performance.now();
    const on = <T>(name: string, isWanted: (value: unknown) => value is T, take: (value: T) => void): void =>
      current.addEventListener(name, ({ data }: MessageEvent<string>) => {
        lastMessageAt = performance.now();
        const value: unknown = JSON.parse(data);
        if (isWanted(value)) take(value);
      });
    current.addEventListener('open', () => {
      lastMessageAt = performance.now();
      follower.opened();
    });
    on('status', isStatus, (status) => follower.status(status));
    on('readiness', isReadiness, (readiness) => follower.readiness(readiness));
    on('event', isEvent, (event) => follower.event(event));
    current.addEventListener('error', again);
  }

  function again(): void {
    if (source === null) return;
    source.close();
    source = null;
    follower.lost();
    setTimeout(open, AGAIN_MS);
  }

  setInterval(() => {
    if (performance.now() - lastMessageAt > SILENT_MS) again();
  }, 1000);
  open();
}

function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'services' in value && Array.isArray(value.services);
}

function isReadiness(value: unknown): value is Readiness {
  return typeof value === 'object' && value !== null && 'ready' in value && 'reasons' in value;
}

function isEvent(value: unknown): value is EventRecord {
  return typeof value === 'object' && value !== null && 'seq' in value && 'fields' in value;
}
