// Validates messages from workers. A worker is our own code, but a faulty one must not take the primary down. Every message is checked
// completely before it is used.

import { CONNECT_FAILURES } from '../engine/engine.ts';
import { isCount, isListOf } from '../fields.ts';
import { isCatalog } from './handover.ts';
import type { LogLine, ToPrimary } from './messages.ts';
import { isStandstill } from './standstill.ts';

/** Returns the message if a worker may send it and its fields have the right types, else null. */
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
      return typeof message['all'] === 'boolean';
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

/** More than the engines' places times errnos. */
const MAX_SHORT = 64;

const LEVELS: ReadonlySet<unknown> = new Set<LogLine['level']>(['debug', 'info', 'warn', 'error']);

/** Writing JSON takes stack for each level, and a stack overflow would kill the primary. */
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

/** Whether objects and arrays are nested at most `levels` deep. */
function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}
