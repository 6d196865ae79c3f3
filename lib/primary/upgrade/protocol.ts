// What a running bal and the one that takes its place say to each other, over an IPC channel of node:child_process. They may be of
// different versions: a kind that is not known is passed over, and what is known is read liberally.
//
//   new → hello                     it runs, and speaks this protocol
//   old → begin                     what listens (descriptors that it has inherited), and what is known of the backends
//   new → prepared                  the configuration is read, all is bound, the workers stand by, the backends are checked
//   old → yield                     control socket, admin address and PID file are free; what has happened so far
//   new → serving                   it has all of these, and its workers accept connections
//   old → offered, counted          workers of the old one offer their connections; what they have counted meanwhile, and have
//   old → through                   all that can go has gone; what is left ends there
//   old → empty                     nothing is left
//   new → stop                      so that it does not go on there when the new one is stopped
//
// Instead of `prepared` or `serving` it may be `failed`. Whoever finds the channel closed knows that the other is gone, or has nothing
// left: before `serving` is said that was all, and the old one serves on; from then on the new one has what it needs.

import { fieldsOf } from '../../fields.ts';
import type { Diagnosis, EventRecord } from '../../control/protocol.ts';
import type { Past } from '../stats/past.ts';
import type { KnownService } from '../upstream/known.ts';

/** Of this protocol. */
export const PROTOCOL = 1;

/** The first descriptor that the new program inherits; before it come stdin, stdout, stderr and the channel. */
export const FIRST_FD = 4;

/** Of the whole instance, and by service. */
export interface Counts {
  readonly all: number;
  readonly services: Readonly<Record<string, number>>;
}

/** What the old program still has. */
export interface Held {
  readonly clients: Counts;
  /** Where a service has no limit of its own it has none in the list. */
  readonly permits: Counts;
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
      /** It stays afterwards, and stands for the new one: that is to end with it. */
      readonly stays: boolean;
      /** The last one that it has used. */
      readonly generation: number;
      /** In the order of the inherited descriptors. */
      readonly listeners: readonly string[];
      /** Those of them that a service manager has passed; programs before that do not say it. */
      readonly passed?: readonly unknown[];
      readonly services: readonly KnownService[];
      /** What names lead to; programs before discovery do not say it. */
      readonly names?: unknown;
    }
  | { readonly kind: 'yield'; readonly history: History; readonly past: Past; readonly held: Held }
  | { readonly kind: 'offered' }
  | { readonly kind: 'counted'; readonly past: Past; readonly held: Held }
  | { readonly kind: 'through' }
  /** `cut`: of those that were left. */
  | { readonly kind: 'empty'; readonly cut: number };

export type ToPredecessor =
  | { readonly kind: 'hello'; readonly protocol: number; readonly version: string }
  | { readonly kind: 'prepared' }
  /** `takes`: its workers can take connections over. */
  | { readonly kind: 'serving'; readonly generation: number; readonly takes: boolean }
  | { readonly kind: 'stop'; readonly timeout_ms: number | null; readonly now: boolean }
  | { readonly kind: 'failed'; readonly problem: Diagnosis; readonly errors: readonly unknown[] };

/** The message when it is one that the new program may send, with fields of the right types; else null. */
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

/** The message when it is one that the old program may send. The parts of it that are read by others are looked at by them. */
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
    case 'empty':
      return isCount(fields['cut']) ? (message as ToSuccessor) : null;
    default:
      return null;
  }
}

/** What is missing, or is not what it should be, is as at a first start. */
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

/** What is no count is passed over. */
export function heldOf(value: unknown): Held {
  const { clients, permits } = fieldsOf(value);
  return { clients: readCounts(clients), permits: readCounts(permits) };
}

function readCounts(value: unknown): Counts {
  const { all, services } = fieldsOf(value);
  const counts = Object.entries(fieldsOf(services)).flatMap(([name, n]) => (isCount(n) ? [[name, n] as const] : []));
  return { all: isCount(all) ? all : 0, services: Object.fromEntries(counts) };
}

/** 0 where there is none of that name, which may be that of what every object has. */
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

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
