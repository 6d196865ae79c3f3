// The protocol between a running bal (predecessor, "old") and the one that takes its place (successor, "new"), over an IPC
// channel of node:child_process. Their versions may differ: unknown kinds are ignored, and known ones are read liberally.
//
//   new → hello                     it runs, and speaks this protocol
//   old → begin                     the listeners (inherited descriptors), and what is known of the backends
//   new → prepared                  configuration read, all bound, workers standing by, backends checked
//   old → yield                     control socket, admin address and PID file are free; the history and counters so far
//   new → serving                   it has taken all of these, and its workers accept connections
//   old → offered, counted          the old workers offer their connections; the counters and clients since then
//   old → through                   all connections that can go have gone; the rest end there
//   old → empty                     nothing is left
//   new → lend                      permits for clients that wait there, as asked for in `counted`
//   new → reset                     cuts the connections to a backend there too
//   old → reset_done                they are cut, and were counted before
//   new → stop                      ends what is left there too, because the new one is being stopped
//
// The new one may send `failed` instead of `prepared` or `serving`. A closed channel means that the other process is gone or has
// nothing left. Before `serving` the upgrade fails then, and the old one serves on; after it the new one has what it needs.

import { fieldsOf, isCount } from '../../fields.ts';
import type { Diagnosis, DrainingStatus, EventRecord } from '../../control/protocol.ts';
import type { Past } from '../stats/past.ts';
import type { KnownService } from '../upstream/known.ts';

/** The version of this protocol. */
export const PROTOCOL = 1;

/** The first descriptor that the successor inherits, after stdin, stdout, stderr and the channel. */
export const FIRST_FD = 4;

/** For the whole instance, and by service. */
export interface Counts {
  readonly all: number;
  readonly services: Readonly<Record<string, number>>;
}

/** What the predecessor still holds. */
export interface Held {
  readonly clients: Counts;
  /** Services without a limit of their own are not listed. */
  readonly permits: Counts;
  /** Connections to each backend, by endpointKey(). Older programs do not send it. */
  readonly backends?: Readonly<Record<string, number>>;
  /** Its workers that drain, and those of its own predecessor. Older programs do not send it. */
  readonly draining?: DrainingStatus;
  /** Permits that clients wait for there, and all permits that have arrived by `lend`. Only if it borrows. */
  readonly wanted?: Counts;
  readonly lent?: Counts;
}

/** What has happened since bal was first started. */
export interface History {
  readonly reloads: number;
  readonly respawned: number;
  readonly linesDropped: number;
  readonly events: readonly EventRecord[];
}

export type ToSuccessor =
  | {
      readonly kind: 'begin';
      readonly protocol: number;
      readonly version: string;
      readonly pid: number;
      readonly foreground: boolean;
      /** The predecessor stays as a stand-in for the successor, which must end with it. */
      readonly stays: boolean;
      /** The last generation that it used. */
      readonly generation: number;
      /** In the order of the inherited descriptors. */
      readonly listeners: readonly string[];
      /** The listeners passed by a service manager. Older programs do not send it. */
      readonly passed?: readonly unknown[];
      readonly services: readonly KnownService[];
      /** What names resolve to. Programs without discovery do not send it. */
      readonly names?: unknown;
      /** Answers `reset`. Older programs do not send it, and ignore `reset`. */
      readonly resets?: boolean;
      /** What both count in, see bequest.ts. Older programs do not send it. */
      readonly bequest?: unknown;
    }
  | { readonly kind: 'yield'; readonly history: History; readonly past: Past; readonly held: Held }
  | { readonly kind: 'offered' }
  | { readonly kind: 'counted'; readonly past: Past; readonly held: Held }
  | { readonly kind: 'through' }
  /** Answers the `reset` with this id. */
  | { readonly kind: 'reset_done'; readonly id: number }
  /** `cut` is how many of the remaining connections were cut. */
  | { readonly kind: 'empty'; readonly cut: number };

export type ToPredecessor =
  | { readonly kind: 'hello'; readonly protocol: number; readonly version: string }
  | { readonly kind: 'prepared' }
  /** `takes`: its workers can take over connections. `lends`: it lends permits; older programs do not say it. */
  | { readonly kind: 'serving'; readonly generation: number; readonly takes: boolean; readonly lends?: unknown }
  /** More permits of a service with a limit of its own, or of the instance (null). */
  | { readonly kind: 'lend'; readonly service: string | null; readonly permits: number }
  /** `why` is that of the message `reset` to a worker. */
  | {
      readonly kind: 'reset';
      readonly id: number;
      readonly service: string;
      readonly address: string;
      readonly why: 'operator' | 'backend_down';
    }
  | { readonly kind: 'stop'; readonly timeout_ms: number | null; readonly now: boolean }
  | { readonly kind: 'failed'; readonly problem: Diagnosis; readonly errors: readonly unknown[] };

/** Returns the message if it is a valid message of the successor, else null. */
export function toPredecessor(message: unknown): ToPredecessor | null {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return null;
  const fields: Readonly<Record<string, unknown>> = { ...message };
  switch (message.kind) {
    case 'hello':
      return isCount(fields['protocol']) && typeof fields['version'] === 'string' ? (message as ToPredecessor) : null;
    case 'prepared':
      return { kind: 'prepared' };
    case 'serving':
      return isCount(fields['generation']) && typeof fields['takes'] === 'boolean' ? (message as ToPredecessor) : null;
    case 'lend': {
      const { service, permits } = fields;
      const isWhole = (service === null || typeof service === 'string') && isCount(permits);
      return isWhole ? (message as ToPredecessor) : null;
    }
    case 'reset': {
      const { id, service, address, why } = fields;
      const isWhole = isCount(id) && typeof service === 'string' && typeof address === 'string';
      return isWhole && (why === 'operator' || why === 'backend_down') ? (message as ToPredecessor) : null;
    }
    case 'stop': {
      const { timeout_ms: ms, now } = fields;
      return (ms === null || isCount(ms)) && typeof now === 'boolean' ? { kind: 'stop', timeout_ms: ms, now } : null;
    }
    case 'failed':
      return isDiagnosis(fields['problem']) && Array.isArray(fields['errors']) ? (message as ToPredecessor) : null;
    default:
      return null;
  }
}

/** Returns the message if it is a valid message of the predecessor, else null. Nested parts are validated by their readers. */
export function toSuccessor(message: unknown): ToSuccessor | null {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return null;
  const fields: Readonly<Record<string, unknown>> = { ...message };
  switch (message.kind) {
    case 'begin': {
      const { protocol, version, pid, foreground, stays, generation, listeners } = fields;
      const isWhole =
        isCount(protocol) &&
        typeof version === 'string' &&
        isCount(pid) &&
        isCount(generation) &&
        typeof foreground === 'boolean' &&
        typeof stays === 'boolean' &&
        Array.isArray(listeners) &&
        listeners.every((address) => typeof address === 'string');
      return isWhole ? (message as ToSuccessor) : null;
    }
    case 'yield':
    case 'offered':
    case 'counted':
    case 'through':
      return message as ToSuccessor;
    case 'reset_done':
      return isCount(fields['id']) ? (message as ToSuccessor) : null;
    case 'empty':
      return isCount(fields['cut']) ? (message as ToSuccessor) : null;
    default:
      return null;
  }
}

/** Missing or invalid fields are as at a first start. */
export function historyOf(value: unknown): History {
  const fields = fieldsOf(value);
  const count = (key: string): number => (isCount(fields[key]) ? fields[key] : 0);
  const events: unknown = fields['events'];
  return {
    reloads: count('reloads'),
    respawned: count('respawned'),
    linesDropped: count('linesDropped'),
    events: Array.isArray(events) ? events.filter(isEvent) : [],
  };
}

export const NOBODY: Counts = { all: 0, services: {} };

/** Ignores whatever is not a count. */
export function heldOf(value: unknown): Held {
  const { clients, permits, backends, draining, wanted, lent } = fieldsOf(value);
  return {
    clients: readCounts(clients),
    permits: readCounts(permits),
    backends: namedCounts(backends),
    ...(draining !== undefined && { draining: readDraining(draining) }),
    ...(lent !== undefined && { wanted: readCounts(wanted), lent: readCounts(lent) }),
  };
}

function readDraining(value: unknown): DrainingStatus {
  const { connections, workers, generations, until } = fieldsOf(value);
  const count = (it: unknown): number => (isCount(it) ? it : 0);
  return {
    connections: count(connections),
    workers: count(workers),
    generations: count(generations),
    until: typeof until === 'string' && !Number.isNaN(Date.parse(until)) ? until : null,
  };
}

function readCounts(value: unknown): Counts {
  const { all, services } = fieldsOf(value);
  return { all: isCount(all) ? all : 0, services: namedCounts(services) };
}

function namedCounts(value: unknown): Record<string, number> {
  const counts = Object.entries(fieldsOf(value)).flatMap(([name, n]) => (isCount(n) ? [[name, n] as const] : []));
  return Object.fromEntries(counts);
}

/** Returns 0 if the name is missing. hasOwn, because a service may have the name of an Object property. */
export function countOf({ all, services }: Counts, service: string | null): number {
  if (service === null) return all;
  return Object.hasOwn(services, service) ? (services[service] ?? 0) : 0;
}

function isEvent(value: unknown): value is EventRecord {
  if (typeof value !== 'object' || value === null) return false;
  const event: Readonly<Record<string, unknown>> = { ...value };
  const texts = ['timestamp', 'module', 'event', 'message'];
  return (
    isCount(event['seq']) &&
    ['INFO', 'WARN', 'ERROR'].includes(String(event['level'])) &&
    texts.every((key) => typeof event[key] === 'string') &&
    typeof event['fields'] === 'object' &&
    event['fields'] !== null
  );
}

function isDiagnosis(value: unknown): value is Diagnosis {
  if (typeof value !== 'object' || value === null) return false;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  return ['what_happened', 'why_likely', 'do_this_now'].every((key) => typeof fields[key] === 'string');
}
