// The log on stdout. On a terminal it is lines that a person reads instead of JSON; what goes elsewhere stays JSON.
import { addressOf } from '../../../config/plan.ts';
import { factsOf } from '../../control/facts.ts';
import { isJournal, journalText } from './journal.ts';
import { openStdout } from './log-file.ts';
import type { Sink } from './log.ts';

/** stdout: on a terminal as people read it, into journald with priorities, else as JSON. */
export async function openTerminal(): Promise<Sink> {
  const sink = await openStdout();
  if (process.stdout.isTTY) return through(sink, peopleText);
  return isJournal(1) ? through(sink, journalText) : sink;
}

function through(sink: Sink, written: (lines: string) => string): Sink {
  return {
    write: (lines) => sink.write(written(lines.toString())),
    reopen: () => sink.reopen(),
    close: () => sink.close(),
    get dropped() {
      return sink.dropped;
    },
    get file() {
      return sink.file;
    },
    get fault() {
      return sink.fault;
    },
  };
}

/** Each line by itself; one that is none of the log's stays as it is. */
export function peopleText(lines: string): string {
  return lines.replaceAll(/[^\n]+/g, peopleLine);
}

/** `09:30:00 WARN  backend 10.0.0.7:5432 is down  service=default …`; the time is the machine's own. */
function peopleLine(line: string): string {
  try {
    const record: unknown = JSON.parse(line);
    if (!isRecord(record)) return line;
    const { timestamp, level, message, fields } = record;
    const time = new Date(timestamp).toTimeString().slice(0, 8);
    const listens = Array.isArray(fields['services']) ? fields['services'].flatMap(listenText) : [];
    return [`${time} ${level.padEnd(5)} ${message}`, ...factsOf({ fields }), ...listens].join('  ');
  } catch {
    return line;
  }
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
