// `bal events`: what happened, from the primary's memory; with --follow also what happens from now on.

import { stream } from '../control/client.ts';
import { factsOf } from '../control/facts.ts';
import type { EventRecord } from '../control/protocol.ts';
import { home } from '../paths.ts';
import type { Options } from './arguments.ts';
import type { ExitCode, Io } from './command.ts';
import { PATIENCE_MS, judge, reach } from './reach.ts';
import { readPidFile } from '../pidfile.ts';
import { json, paint, printDiagnosis } from './report.ts';

/** The stream shows every five seconds that it is alive. */
const SILENT_MS = 15_000;

/** 0: shown; 1: no usable answer; 3: not running. --json prints one document, with --follow one event a line. */
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

async function follow(options: Options, io: Io): Promise<ExitCode> {
  const at = home();
  const answer = await stream(at.socket, 'GET', '/events/follow', undefined, SILENT_MS, (event) => {
    if (!isEvent(event)) return;
    if (options.json) json(io, event);
    else io.out(line(event, io));
  });
  if (answer.ok) return 0;
  const reached = judge(answer, readPidFile(at.pidFile), at);
  if (reached.kind === 'answered') return 0;
  printDiagnosis(io, reached.problem);
  return reached.kind === 'not_running' ? 3 : 1;
}

/** One event on one line: time, level, name, message, and the facts. */
export function line(record: EventRecord, io: Io): string {
  const { timestamp, level, event, message } = record;
  const colour = level === 'ERROR' ? 'red' : level === 'WARN' ? 'yellow' : 'green';
  return [timestamp, paint(io, colour, level.toLowerCase().padEnd(5)), event, message, ...factsOf(record)].join('  ');
}

export function isEvent(value: unknown): value is EventRecord {
  return typeof value === 'object' && value !== null && 'seq' in value && 'event' in value && 'fields' in value;
}
