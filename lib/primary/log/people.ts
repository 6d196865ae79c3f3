// The log as people read it.
import { addressOf } from '../../../config/plan.ts';
import { printable } from '../../../config/problem.ts';
import { factsOf } from '../../control/facts.ts';

/** Each line by itself; one that is none of the log's stays as it is. */
export function peopleText(lines: string): string {
  return lines.replaceAll(/[^\n]+/g, (line) => peopleLine(line, 'time'));
}

/** `09:30:00 WARN  backend 10.0.0.7:5432 is down  service=default …`, or with the day before it; the time is the machine's own. */
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

/** As people here count days: local time. */
export function dayOf(date: Date): string {
  const part = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${part(date.getMonth() + 1)}-${part(date.getDate())}`;
}

/** What `bal.started` says of a service. */
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
