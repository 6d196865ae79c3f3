// `bal doctor`: checks what bal needs at run time: the machine, the running instance and the backends.
import { constants } from 'node:fs';
import { loadConfig } from '../../config/load.ts';
import type { Plan } from '../../config/plan.ts';
import { isPlan } from '../control/plan.ts';
import { configPath, home, type Home } from '../paths.ts';
import { readPidFile } from '../pidfile.ts';
import type { Options } from './arguments.ts';
import { ask } from './ask.ts';
import type { ExitCode, Io } from './command.ts';
import { checkBackends } from './doctor/backends.ts';
import { checkConfig } from './doctor/config.ts';
import { may, type Finding, type Level, type Patient } from './doctor/finding.ts';
import { checkInstance } from './doctor/instance.ts';
import { checkLimits } from './doctor/limits.ts';
import { checkListeners } from './doctor/listeners.ts';
import { checkLogs } from './doctor/logs.ts';
import { checkNode } from './doctor/node.ts';
import { PATIENCE_MS, isStatus, reach } from './reach.ts';
import { json, printableLine, table, printDiagnosis } from './report.ts';
import { counted } from '../units.ts';

/** 0: ok or warnings; 1: something critical. */
export async function doctor(options: Options, io: Io): Promise<ExitCode> {
  const patient = await examine(options);
  const findings = await check(patient);
  const { enabled, reason } = patient.status?.protection_mode ?? { enabled: false, reason: null };
  if (options.json) {
    const checks = findings.map(({ name, level, summary, hint }) => ({ name, level, summary, hint }));
    json(io, { checks, protection_mode: { enabled, reason } });
  } else if (options.brief) io.out(brief(findings));
  else print(findings, options.verbose, io);
  return findings.some(({ level }) => level === 'critical') ? 1 : 0;
}

async function examine(options: Options): Promise<Patient> {
  const at = home();
  const reached = await reach(at, 'GET', '/status', PATIENCE_MS);
  const status = reached.kind === 'answered' && isStatus(reached.body) ? reached.body : null;
  // Without --config, examine the file that the running instance would reload.
  const disk = await loadConfig(configPath(options.config ?? status?.config_path ?? undefined, at));
  const running = status === null ? null : await runningPlan(at);
  const isGuest = status !== null && !may(at.socket, constants.R_OK | constants.W_OK);
  return { at, disk, pidFile: readPidFile(at.pidFile), reached, status, running, isGuest };
}

async function check(patient: Patient): Promise<Finding[]> {
  // Before backends are connected to: it reads the kernel's tables, and the time for an answer would run out meanwhile.
  const listeners = await checkListeners(patient);
  const [logs, backends] = await Promise.all([checkLogs(patient), checkBackends(patient)]);
  return [
    ...checkConfig(patient),
    ...checkNode(),
    ...checkInstance(patient),
    ...listeners,
    ...checkLimits(patient),
    ...logs,
    ...backends,
  ];
}

/** Returns the running configuration; null if the instance does not tell, or not in the form of this version. */
async function runningPlan(at: Home): Promise<Plan | null> {
  const answer = await ask(at, 'GET', '/plan', undefined, PATIENCE_MS);
  return answer.ok && answer.status === 200 && isPlan(answer.body) ? answer.body : null;
}

function brief(findings: readonly Finding[]): string {
  const count = (wanted: Level) => findings.filter(({ level }) => level === wanted).length;
  const worst = worstOf(findings, 'critical') ?? worstOf(findings, 'warn');
  const figures = `${count('critical')} critical, ${counted(count('warn'), 'warning')}, ${count('ok')} ok`;
  return `bal doctor: ${figures}${worst === undefined ? '' : `; ${worst.summary}`}`;
}

/** An outdated Node.js stays so for months: put anything else first. */
function worstOf(findings: readonly Finding[], wanted: Level): Finding | undefined {
  const found = findings.filter(({ level }) => level === wanted);
  return found.find(({ name }) => name !== 'node') ?? found[0];
}

/** Number of problems explained without --verbose: enough to start with. */
const EXPLAINED = 5;

function print(findings: readonly Finding[], verbose: boolean, io: Io): void {
  const shown = verbose ? findings : fold(findings);
  const rows = shown.map(({ level, name, summary }) => [{ text: level, paint: COLOURS[level] }, name, summary]);
  for (const line of table(io, 'lll', rows)) io.out(printableLine(line));
  const warnings = findings.filter(({ level }) => level === 'warn');
  const isNode = ({ name }: Finding): boolean => name === 'node';
  const problems = [
    ...findings.filter(isCritical),
    ...warnings.filter((finding) => !isNode(finding)),
    ...warnings.filter(isNode),
  ];
  const explained = problems.slice(0, verbose ? problems.length : EXPLAINED);
  for (const { summary, why, hint } of explained) {
    io.err('');
    printDiagnosis(io, { what_happened: summary, why_likely: why ?? '', do_this_now: hint ?? '' });
  }
  const rest = problems.length - explained.length;
  if (rest > 0) io.err(`and ${counted(rest, 'more problem')}: run 'bal doctor --verbose'`);
}

/** Folds healthy backends into one line. */
function fold(findings: readonly Finding[]): Finding[] {
  const sound = findings.filter(({ name, level }) => name.startsWith('backend:') && level === 'ok');
  if (sound.length < 2) return [...findings];
  const summary = `${sound.length} accept connections`;
  return [
    ...findings.filter((finding) => !sound.includes(finding)),
    { name: 'backends', level: 'ok', summary, why: null, hint: null },
  ];
}

function isCritical({ level }: Finding): boolean {
  return level === 'critical';
}

const COLOURS = { ok: 'green', warn: 'yellow', critical: 'red' } as const;
