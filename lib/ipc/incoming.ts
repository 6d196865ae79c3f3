// The primary's guard: a worker is our own code, but one gone mad must not take the primary down with it. Every message
// is looked at whole before anybody acts on it.

import { CONNECT_FAILURES } from '../engine/engine.ts';
import { isCatalog } from './handover.ts';
import type { LogLine, ToPrimary } from './messages.ts';
import { isStandstill } from './standstill.ts';

/** The message when it is one that a worker may send, with fields of the right types; else null. */
export function toPrimary(message: unknown): ToPrimary | null {
  return isRecord(message) && isValid(message) ? (message as ToPrimary) : null;
}

function isValid(message: Readonly<Record<string, unknown>>): boolean {
  const { kind } = message;
  switch (kind) {
    case 'hello':
      return (
        (message['engine'] === 'native' || message['engine'] === 'js') &&
        isTextOrNull(message['note']) &&
        typeof message['shares'] === 'boolean'
      );
    case 'listening':
      return isCount(message['listener']);
    case 'listen_failed':
      return isCount(message['listener']) && typeof message['code'] === 'string';
    case 'ask':
      return isCount(message['pool']) && isCount(message['wanted']);
    case 'returned':
      return isCount(message['pool']) && isCount(message['permits']) && typeof message['recalled'] === 'boolean';
    case 'took':
      return isCount(message['pool']) && isCount(message['permits']);
    case 'giving':
      return isTextOrNull(message['error']);
    case 'given':
      return true;
    case 'adopting':
      return typeof message['path'] === 'string' && isCatalog(message['catalog']);
    case 'adopted':
      return (
        typeof message['path'] === 'string' &&
        isCount(message['connections']) &&
        isCount(message['refused']) &&
        isTextOrNull(message['why']) &&
        (message['standstill'] === null || isStandstill(message['standstill']))
      );
    case 'counters':
      return (
        (message['id'] === null || isCount(message['id'])) &&
        ['services', 'endpoints'].every((part) => isListOf(message[part], (value) => typeof value === 'number')) &&
        isRecord(message['short']) &&
        Object.keys(message['short']).length <= MAX_SHORT &&
        Object.values(message['short']).every(isCount) &&
        typeof message['rssBytes'] === 'number' &&
        isListOf(message['reached'], Number.isFinite) &&
        isListOf(message['retired'], isCount)
      );
    case 'connect_failed':
      return (
        isCount(message['endpoint']) &&
        isCount(message['count']) &&
        Number.isFinite(message['began']) &&
        CONNECT_FAILURES.some((cause) => cause === message['cause'])
      );
    case 'early_failures':
      return isCount(message['endpoint']) && Number.isFinite(message['began']);
    case 'log':
      return isListOf(message['lines'], isLogLine) && isCount(message['dropped']);
    case 'records_dropped':
      return isCount(message['count']);
    case 'drained':
      return isCount(message['cut']);
    default:
      return false;
  }
}

/** Places times errnos of the engines are fewer. */
const MAX_SHORT = 64;

const LEVELS: ReadonlySet<unknown> = new Set<LogLine['level']>(['debug', 'info', 'warn', 'error']);

/** Writing JSON costs stack for every level, and a stack overflow in the primary would be the end of all. */
const MAX_DEPTH = 8;

function isLogLine(line: unknown): boolean {
  return (
    isRecord(line) &&
    LEVELS.has(line['level']) &&
    ['module', 'event', 'message'].every((key) => typeof line[key] === 'string') &&
    isRecord(line['fields']) &&
    isShallow(line['fields'], MAX_DEPTH)
  );
}

/** At most so many objects and arrays inside each other. */
function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOf(value: unknown, isElement: (element: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isElement);
}

/** A number of something, or an id. */
function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}
