// `bal backend`: lists the backends of the running instance, or drains, weighs, resets, adds or removes one.

import { printable, quote } from '../../config/problem.ts';
import { closest } from '../../config/suggest.ts';
import { BACKEND_ACTIONS, type BackendAction, type BackendVerdict } from '../control/backends.ts';
import { sinceText } from '../control/facts.ts';
import { home, type Home } from '../paths.ts';
import { counted, duration } from '../units.ts';
import type { Options } from './arguments.ts';
import { listBackends } from './backend/list.ts';
import { waitUntilEmpty } from './backend/wait.ts';
import type { ExitCode, Io } from './command.ts';
import { reach, strangeAnswer } from './reach.ts';
import { json, printDiagnosis } from './report.ts';

/** A change may have to wait for a reload, and a new backend for its first check. */
const CHANGE_MS = 10 * 60 * 1000;

/** 0: done, or already so; 1: refused, nothing has changed, or no answer; 2: not understood; 3: not running. */
export async function backend(options: Options, io: Io): Promise<ExitCode> {
  const [word = 'list', address, number] = options.words;
  const wrong = (message: string): ExitCode => {
    io.err(`bal: ${message}; see 'bal backend --help'`);
    return 2;
  };
  const action = BACKEND_ACTIONS.find((name) => name === word);
  if (action === undefined && word !== 'list') return wrong(unknownAction(word));
  const fault = faultOf(word, number, options);
  if (fault !== null) return wrong(fault);
  if (action === undefined) {
    return address === undefined ? listBackends(options, io) : wrong("'bal backend list' takes no address");
  }
  if (address === undefined)
    return wrong(`'bal backend ${action}' needs the address of a backend, host:port or the path of its Unix socket`);
  const weight = action === 'weight' ? numberIn(number) : null;
  if (action === 'weight' && weight === null) {
    return wrong(`'bal backend weight' needs a whole number after the address, from 0 to 256`);
  }
  return change({ action, address, weight }, options, io);
}

function unknownAction(word: string): string {
  const known = ['list', ...BACKEND_ACTIONS];
  const meant = closest(word, known);
  return `unknown action ${quote(word)}; ${meant === null ? `one of ${known.join(', ')}` : `did you mean "${meant}"?`}`;
}

/** Checks options and arguments that go with one action only. */
function faultOf(word: string, number: string | undefined, { wait, save, timeoutMs, service }: Options): string | null {
  if (number !== undefined && word !== 'weight') return `unexpected argument ${quote(number)}`;
  if (wait && word !== 'drain') return '--wait goes with drain only';
  if (timeoutMs !== null && word !== 'drain') return '--timeout goes with drain only';
  if (save && (word === 'list' || word === 'reset')) return `there is nothing to save of ${word}`;
  if (save && timeoutMs !== null) return '--save and --timeout exclude each other';
  if (service === '') return '--service needs a name';
  return null;
}

function numberIn(text: string | undefined): number | null {
  return text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : null;
}

interface Wanted {
  readonly action: BackendAction;
  readonly address: string;
  readonly weight: number | null;
}

async function change(wanted: Wanted, options: Options, io: Io): Promise<ExitCode> {
  const at = home();
  const asked = { ...wanted, service: options.service, timeout_ms: options.timeoutMs, save: options.save };
  const reached = await reach(at, 'POST', '/backends', CHANGE_MS, asked);
  if (reached.kind !== 'answered' || !isVerdict(reached.body)) {
    const problem = reached.kind === 'answered' ? strange : reached.problem;
    if (options.json) json(io, { ...noVerdict, ...wanted, service: options.service, problem });
    else printDiagnosis(io, problem);
    return reached.kind === 'not_running' ? 3 : 1;
  }
  const verdict = reached.body;
  if (!verdict.ok) {
    if (options.json) json(io, verdict);
    else if (verdict.problem !== null) printDiagnosis(io, verdict.problem);
    return 1;
  }
  if (!options.json) for (const line of verdictLines(verdict)) io.out(line);
  if (!options.json) for (const warning of verdict.warnings) io.err(`warning: ${printable(warning)}`);
  if (!options.wait) {
    if (options.json) json(io, verdict);
    return 0;
  }
  return await drained(at, verdict, options, io);
}

async function drained(at: Home, verdict: BackendVerdict, options: Options, io: Io): Promise<ExitCode> {
  const { address, service } = verdict;
  const over = await waitUntilEmpty(at, { address, service: service ?? '' }, options.json ? null : io);
  const isEmpty = over.kind === 'empty';
  if (options.json) {
    json(io, { ...verdict, active_connections: isEmpty ? 0 : null, problem: isEmpty ? null : over.problem });
  } else if (isEmpty) io.out(`${address} has no connection any more`);
  else printDiagnosis(io, over.problem);
  return isEmpty ? 0 : 1;
}

function verdictLines({
  action,
  address,
  changed,
  live_changes,
  active_connections,
  ...rest
}: BackendVerdict): string[] {
  const { cut, workers_told, duration_ms } = rest;
  const open = active_connections === null ? '' : `, ${counted(active_connections, 'connection')}`;
  if (action === 'reset') return [`${address}: ${counted(cut ?? 0, 'connection')} cut`];
  const now = live_changes.map((it) => sinceText(it)).join('; ') || 'as the file says';
  const saved = rest.saved ? ', and saved' : '';
  const effect = `in effect in ${counted(workers_told, 'worker')} after ${duration(duration_ms)}${saved}`;
  return [
    `${address}: ${now}${changed ? '' : ' (as before)'}${open}`,
    ...(changed || rest.saved ? [`  ${effect}`] : []),
  ];
}

const strange = strangeAnswer('verdict on a change of a backend');

/** The keys of a verdict when there is none. */
const noVerdict = {
  ok: false,
  changed: false,
  saved: false,
  live_changes: [],
  active_connections: null,
  cut: null,
  workers_told: 0,
  warnings: [],
  duration_ms: 0,
};

function isVerdict(body: unknown): body is BackendVerdict {
  if (typeof body !== 'object' || body === null) return false;
  return 'ok' in body && 'problem' in body && 'live_changes' in body && Array.isArray(body.live_changes);
}
