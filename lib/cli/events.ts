// `bal events`: prints events from the primary's memory; with --follow also new ones.

import { setTimeout as sleep } from 'node:timers/promises';
import { printable } from '../../config/problem.ts';
import { adviceOf, factsOf } from '../control/facts.ts';
import type { EventRecord } from '../control/protocol.ts';
import { home } from '../paths.ts';
import type { Options } from './arguments.ts';
import { askForLines } from './ask.ts';
import type { ExitCode, Io } from './command.ts';
import { PATIENCE_MS, judge, reach } from './reach.ts';
import { readPidFile } from '../pidfile.ts';
import { watchReader } from './reader.ts';
import { json, paint, printDiagnosis } from './report.ts';

/** The stream sends a sign of life every five seconds. */
const SILENT_MS = 15_000;
/** Retry delay during a restart. */
const AGAIN_MS = 500;

/** 0: shown; 1: no usable answer; 3: not running. --json prints one document, with --follow one event per line. */
export async function events(options: Options, io: Io): Promise<ExitCode> {
  return options.follow ? follow(options, io) : list(options, io);
}

async function list(options: Options, io: Io): Promise<ExitCode> {
  const reached = await reach(home(), 'GET', '/events', PATIENCE_MS);
  if (reached.kind !== 'answered') {
    if (options.json) json(io, { events: [], problem: reached.problem });
    else printDiagnosis(io, reached.problem);
    return reached.kind === 'not_running' ? 3 : 1;
  }
  const found = Array.isArray(reached.body) ? reached.body.filter(isEvent) : [];
  if (options.json) json(io, { events: found });
  else for (const event of found) io.out(line(event, io));
  return 0;
}

/** Continues across restarts of bal until the reader is gone. */
async function follow(options: Options, io: Io): Promise<ExitCode> {
  const at = home();
  const { gone, close } = watchReader();
  const isNew = createNewness();
  let isFirst = true;
  let announced = false;
  const show = (event: unknown): void => {
    if (!isEvent(event) || !isNew(event)) return;
    isFirst = false;
    announced = false;
    if (options.json) json(io, event);
    else io.out(line(event, io));
  };
  while (!gone.aborted) {
    const answer = await askForLines(at, 'GET', '/events/follow', undefined, SILENT_MS, show, gone);
    if (gone.aborted) break;
    const reached = answer.ok ? null : judge(answer, readPidFile(at.pidFile), at);
    const isDenied = !answer.ok && answer.cause === 'denied';
    const isRefused = isDenied || (reached?.kind === 'unreachable' && reached.status !== undefined);
    if (reached !== null && reached.kind !== 'answered' && (isRefused || isFirst)) {
      close();
      printDiagnosis(io, reached.problem);
      return reached.kind === 'not_running' ? 3 : 1;
    }
    isFirst = false;
    if (!announced) io.err('bal does not answer; waiting for it');
    announced = true;
    await sleep(AGAIN_MS, undefined, { signal: gone }).catch(() => undefined);
  }
  close();
  return 0;
}

/** As many as a primary keeps, or more. */
const REMEMBERED = 2000;

/**
 * Tells whether an event was not shown before: on reconnect the primary sends its events from the beginning. Neither key has an
 * order: another primary may count from 1 again, and the clock may be set back.
 */
export function createNewness(): (event: Pick<EventRecord, 'timestamp' | 'seq'>) => boolean {
  const shown = new Set<string>();
  return ({ timestamp, seq }) => {
    const key = `${seq} ${timestamp}`;
    if (shown.has(key)) return false;
    shown.add(key);
    const [oldest] = shown;
    if (shown.size > REMEMBERED && oldest !== undefined) shown.delete(oldest);
    return true;
  };
}

/** Formats an event on one line: time, level, name, message and facts, optionally with the advice. */
export function line(record: EventRecord, io: Io, withAdvice = true): string {
  const { timestamp, level, event, message } = record;
  const colour = level === 'ERROR' ? 'red' : level === 'WARN' ? 'yellow' : 'green';
  const advice = withAdvice ? adviceOf(record) : null;
  return [
    timestamp,
    paint(io, colour, level.toLowerCase().padEnd(5)),
    ...[
      event,
      message,
      ...factsOf(record),
      ...((advice?.what ?? null) === null ? [] : [`what_happened=${advice?.what}`]),
      ...(advice === null ? [] : [`why_likely=${advice.why}`, `do_this_now=${advice.act}`]),
    ].map(printable),
  ].join('  ');
}

export function isEvent(value: unknown): value is EventRecord {
  return typeof value === 'object' && value !== null && 'seq' in value && 'event' in value && 'fields' in value;
}
