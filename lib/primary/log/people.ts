// The log format for people.
import { addressOf } from '../../../config/plan.ts';
import { printable } from '../../../config/problem.ts';
import { factsOf } from '../../control/facts.ts';

/** Formats each line. Leaves lines that are not the log's unchanged. */
export function peopleText(lines: string): string {
  return lines.replaceAll(/[^\n]+/g, (line) => peopleLine(line, 'time'));
}

/** `09:30:00 WARN  backend 10.0.0.7:5432 is down  service=default …`, optionally with the day first, in local time. */
export function peopleLine(line: string, when: 'time' | 'day and time'): string {
  try {
    const record: unknown = JSON.parse(line);
    if (!isRecord(record)) return line;
    const { timestamp, level, message, fields } = record;
    const date = new Date(timestamp);
    if (Number.isNaN(date.getTime())) return line;
    const time = date.toTimeString().slice(0, 8);
    const day = when === 'time' ? '' : `${dayOf(date)} `;
    const listens = Array.isArray(fields['services']) ? fields['services'].flatMap(listenText) : [];
    return printable([`${day}${time} ${level.padEnd(5)} ${message}`, ...factsOf({ fields }), ...listens].join('  '));
  } catch {
    return line;
  }
}

/** The date in local time. */
export function dayOf(date: Date): string {
  const part = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${part(date.getMonth() + 1)}-${part(date.getDate())}`;
}

/** A service of `bal.started` and its address. */
function listenText(service: unknown): string[] {
  if (typeof service !== 'object' || service === null) return [];
  if (!('name' in service && 'bind_address' in service && 'port' in service)) return [];
  return [`${String(service.name)}=${addressOf(String(service.bind_address), Number(service.port))}`];
}

interface LogRecord {
  readonly timestamp: string;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function isRecord(value: unknown): value is LogRecord {
  if (typeof value !== 'object' || value === null || !('fields' in value)) return false;
  const texts = new Map<string, unknown>(Object.entries(value));
  const isText = (key: string): boolean => typeof texts.get(key) === 'string';
  return ['timestamp', 'level', 'message'].every(isText) && typeof value.fields === 'object' && value.fields !== null;
}
