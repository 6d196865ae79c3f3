// `bal upgrade`: replaces the running program by another version, by default that of this command.
import { realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { formatProblem, isProblem } from '../../config/problem.ts';
import { drainingText } from '../control/facts.ts';
import type { Diagnosis } from '../control/protocol.ts';
import type { UpgradeVerdict } from '../control/upgrade.ts';
import { home } from '../paths.ts';
import { counted, duration } from '../units.ts';
import { version } from '../version.ts';
import type { Options } from './arguments.ts';
import type { ExitCode, Io } from './command.ts';
import { reach, strangeAnswer } from './reach.ts';
import { json, printDiagnosis } from './report.ts';

/** The new program may take as long as a start, its predecessor some seconds more. */
const UPGRADE_MS = 3 * 60 * 1000;

/** 0: the new program serves; 1: the old one goes on, or no answer; 3: not running. */
export async function upgrade(options: Options, io: Io): Promise<ExitCode> {
  const at = home();
  const program = programAt(options.to);
  if (typeof program !== 'string') return failure(program, options, io, 1);
  const reached = await reach(at, 'POST', '/upgrade', UPGRADE_MS, { program, node: process.execPath });
  if (reached.kind !== 'answered') {
    // It answers, but does not know the request.
    const isOld = reached.kind === 'unreachable' && reached.status === 404;
    return failure(isOld ? tooOld : reached.problem, options, io, reached.kind === 'not_running' ? 3 : 1);
  }
  if (!isVerdict(reached.body)) return failure(strange, options, io, 1);
  if (options.json) json(io, reached.body);
  else if (reached.body.ok) success(reached.body, io);
  else refusal(reached.body, io);
  return reached.body.ok ? 0 : 1;
}

/** Returns the absolute path of the program, or why there is none; `to` is a file or a folder. */
function programAt(to: string | null): string | Diagnosis {
  const named = resolve(to ?? process.argv[1] ?? '');
  for (const path of [named, join(named, 'bal.js'), join(named, 'dist', 'bal.js'), join(named, 'bin', 'bal')]) {
    try {
      const real = realpathSync(path);
      if (statSync(real).isFile()) return real;
    } catch {
      // try the next candidate
    }
  }
  return {
    what_happened: `there is no bal at ${named}`,
    why_likely: to === null ? 'the installation was moved or removed' : 'the path after --to is misspelt',
    do_this_now: 'name the bal.js of the new version, or the folder that it lies in: bal upgrade --to PATH',
  };
}

function success(verdict: UpgradeVerdict, io: Io): void {
  const { from, to, pid, connections, draining, duration_ms } = verdict;
  const what = from === to ? `bal ${from} now runs as a new process` : `bal ${from} is replaced by ${to ?? '?'}`;
  io.out(`${what} after ${duration(duration_ms)}, PID ${pid}`);
  if (connections > 0) io.out(`  ${counted(connections, 'connection')} taken over`);
  const old = drainingText(draining);
  if (old !== null) io.out(old);
}

function refusal({ errors, problem }: UpgradeVerdict, io: Io): void {
  for (const error of errors.filter(isProblem)) io.err(formatProblem(error, 'config.yaml'));
  io.err('the upgrade is rejected, the running bal goes on');
  if (problem !== null) printDiagnosis(io, problem);
}

function failure(problem: Diagnosis, { json: asJson }: Options, io: Io, code: ExitCode): ExitCode {
  if (asJson) json(io, { ...noVerdict, problem });
  else printDiagnosis(io, problem);
  return code;
}

const strange = strangeAnswer('verdict on an upgrade', "run 'bal status' to see which version serves");

const tooOld: Diagnosis = {
  what_happened: 'the running bal cannot be upgraded without a restart',
  why_likely: "it is a version from before 'bal upgrade'",
  do_this_now: "restart it in a quiet hour: 'bal stop', then 'bal start -d'",
};

/** The keys of a verdict when there is none. */
const noVerdict = {
  ok: false,
  from: null,
  to: version,
  pid: null,
  generation: null,
  connections: 0,
  draining: null,
  duration_ms: 0,
  errors: [],
};

function isVerdict(body: unknown): body is UpgradeVerdict {
  if (typeof body !== 'object' || body === null) return false;
  return 'ok' in body && 'from' in body && 'errors' in body && Array.isArray(body.errors);
}
