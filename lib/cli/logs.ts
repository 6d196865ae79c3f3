// `bal logs`: shows the log for people, over its rotated files; with --follow also new lines.

import { printable } from '../../config/problem.ts';
import type { Diagnosis } from '../control/protocol.ts';
import { ownerOf } from '../owner.ts';
import { home, type Home } from '../paths.ts';
import { peopleLine } from '../primary/log/people.ts';
import { bytes } from '../units.ts';
import type { Options } from './arguments.ts';
import type { ExitCode, Io } from './command.ts';
import { isWanted, type Wanted } from './logs/filter.ts';
import type { Line } from './logs/lines.ts';
import { beginning, readFrom } from './logs/read.ts';
import { goesToStdout } from './logs/stdout.ts';
import { PATIENCE_MS, isStatus, reach } from './reach.ts';
import { watchReader } from './reader.ts';
import { json, paint, printDiagnosis } from './report.ts';

/** Default without --lines and --since. */
const LINES = 100;
/** Nobody reads more of one line. */
const SHOWN = 4096;

/** 0: shown; 1: there is no log, it goes elsewhere, or it may not be read. */
export async function logs(options: Options, io: Io): Promise<ExitCode> {
  const at = home();
  const elsewhere = await whereElse(at, io);
  if (elsewhere !== null) return failure(elsewhere, options, io);
  const wanted: Wanted = { level: options.level, since: options.sinceMs };
  const count = options.lines ?? (options.sinceMs === null ? LINES : Infinity);
  const reader = watchReader();
  try {
    const place = await beginning(at.logDir, wanted, count);
    if (place === null && !options.follow) return failure(noLog(at), options, io);
    if (place === null) io.err('there is no log yet; waiting for it');
    const show = (line: Line): void => {
      if (!reader.gone.aborted && isWanted(line.text, wanted)) print(line, options.json, io);
    };
    await readFrom(at.logDir, place, show, reader.gone, options.follow);
    return 0;
  } catch (error) {
    return failure(unreadable(at, error), options, io);
  } finally {
    reader.close();
  }
}

/** Asks a running bal where its log goes. */
async function whereElse(at: Home, io: Io): Promise<Diagnosis | null> {
  const reached = await reach(at, 'GET', '/status', PATIENCE_MS);
  if (reached.kind !== 'answered' || !isStatus(reached.body)) return null;
  const { log, pid } = reached.body;
  if (log === null || log === undefined) return null;
  if (log.fault !== null) io.err(`bal cannot write its log: ${printable(log.fault)}`);
  return log.file === null && log.fault === null ? goesToStdout(pid) : null;
}

function print({ text, left }: Line, raw: boolean, io: Io): void {
  // A truncated line would not be JSON any more.
  if (raw && left > 0) return io.err(`a line of ${bytes(Buffer.byteLength(text) + left)} is left out`);
  // Equivalent inside a JSON string, and harmless to a terminal.
  if (raw) return io.out(text.replaceAll(/\p{Cc}/gu, printable));
  const line = printable(left > 0 ? text : peopleLine(text, 'day and time'));
  const cut = left + Math.max(0, line.length - SHOWN);
  const shown = cut === 0 ? line : `${line.slice(0, SHOWN)} … (${bytes(cut)} more)`;
  io.out(
    shown.replace(/^(\S+ \S+ )(WARN|ERROR)\b/, (_all, time: string, level: string) => {
      return time + paint(io, level === 'ERROR' ? 'red' : 'yellow', level);
    }),
  );
}

function noLog({ logDir }: Home): Diagnosis {
  return {
    what_happened: `there is no log in ${logDir}`,
    why_likely: 'bal was never started in this home as a daemon, or its log was removed',
    do_this_now: "set BAL_HOME to the home of the instance that you mean, or run 'bal start -d'",
  };
}

function unreadable({ dir, logDir }: Home, error: unknown): Diagnosis {
  const owner = ownerOf(dir);
  return {
    what_happened: `the log in ${logDir} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    why_likely: `it belongs to ${owner ?? 'another user'}, or the disk has a fault`,
    do_this_now: `run the command as that user (sudo -u ${owner ?? 'USER'} bal logs); 'bal events' works for those of control_group`,
  };
}

function failure(problem: Diagnosis, options: Options, io: Io): ExitCode {
  if (options.json) json(io, { problem });
  else printDiagnosis(io, problem);
  return 1;
}
