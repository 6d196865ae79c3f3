// `bal graceful`: makes the running primary reload its configuration and reports the outcome.
import { setTimeout as sleep } from 'node:timers/promises';
import { formatProblem, isProblem } from '../../config/problem.ts';
import { changeText, drainingText, liveChangeLines } from '../control/facts.ts';
import type { LiveChanges } from '../control/backends.ts';
import type { ReloadVerdict } from '../control/protocol.ts';
import { home, type Home } from '../paths.ts';
import type { Options } from './arguments.ts';
import { ask } from './ask.ts';
import type { ExitCode, Io } from './command.ts';
import { PATIENCE_MS, isStatus, reach, strangeAnswer } from './reach.ts';
import { json, printDiagnosis } from './report.ts';
import { counted, duration } from '../units.ts';

/** Workers are replaced one after the other, and each may start slowly on a busy machine. */
const RELOAD_MS = 10 * 60 * 1000;

/** 0: reloaded; 1: refused, nothing has changed, or no answer; 3: not running. */
export async function graceful(options: Options, io: Io, patience: Patience = PATIENCE): Promise<ExitCode> {
  const at = home();
  const hung = new AbortController();
  const watch = watchReload(at, io, hung, patience);
  const reached = await reach(at, 'POST', '/reload', RELOAD_MS, undefined, hung.signal);
  await watch.end();
  if (reached.kind === 'answered' && isVerdict(reached.body)) {
    if (options.json) json(io, reached.body);
    else if (reached.body.ok) success(reached.body, io);
    else refusal(reached.body, await runningConfig(at), io);
    return reached.body.ok ? 0 : 1;
  }
  const problem = reached.kind === 'answered' ? strange : reached.problem;
  if (options.json) json(io, { ...noVerdict, problem });
  else printDiagnosis(io, problem);
  return reached.kind === 'not_running' ? 3 : 1;
}

export interface Patience {
  /** Interval at which the wait is announced and the primary is probed. */
  readonly quietMs: number;
  /** A primary silent for this long hangs. */
  readonly silentMs: number;
}

const PATIENCE: Patience = { quietMs: 3000, silentMs: 30_000 };

/** A reload may take long, but the primary must answer other requests. Aborts `hung` if it does not. */
function watchReload(at: Home, io: Io, hung: AbortController, patience: Patience): { end(): Promise<void> } {
  const over = new AbortController();
  const { quietMs, silentMs } = patience;
  const watching = (async () => {
    let answeredAt = performance.now();
    let announced = '';
    for (;;) {
      const asked = ask(at, 'GET', '/status', undefined, quietMs, over.signal);
      await sleep(quietMs, undefined, { signal: over.signal });
      const { ok } = await asked;
      if (over.signal.aborted) return;
      const now = performance.now();
      if (ok) answeredAt = now;
      const word = ok
        ? 'waiting for the reload: workers are replaced one after the other'
        : `bal has not answered for ${duration(now - answeredAt)}; waiting for it, at most ${duration(silentMs)}`;
      const kind = ok ? 'reload' : 'silence';
      if (kind !== announced) io.err(word);
      announced = kind;
      if (now - answeredAt > silentMs) return hung.abort();
    }
  })().catch(() => undefined); // the sleep was aborted
  return {
    async end() {
      over.abort();
      await watching;
    },
  };
}

function refusal({ errors, problem }: ReloadVerdict, file: string, io: Io): void {
  for (const error of errors.filter(isProblem)) io.err(formatProblem(error, file));
  io.err('the reload is rejected, nothing has changed');
  if (problem !== null) printDiagnosis(io, problem);
}

function success(verdict: ReloadVerdict, io: Io): void {
  const replaced = `${counted(verdict.workers_replaced, 'worker')} replaced in ${duration(verdict.duration_ms)}`;
  io.out(`bal is reloaded: generation ${verdict.generation}, ${replaced}`);
  for (const change of verdict.changed) io.out(`  ${changeText(change)}`);
  if (verdict.changed.length === 0) io.out('  the configuration is the same as before');
  if (verdict.unchangeable.length > 0) io.out('not changed, because that needs a restart:');
  for (const change of verdict.unchangeable) io.out(`  ${changeText(change)}`);
  const changes: LiveChanges | undefined = verdict.live_changes;
  const kept = liveChangeLines(changes?.kept);
  if (kept.length > 0) io.out("changes by 'bal backend' in effect, not in the file:");
  for (const line of kept) io.out(`  ${line}`);
  const dropped = liveChangeLines(changes?.dropped);
  if (dropped.length > 0) io.out("not kept, by 'bal backend':");
  for (const [i, line] of dropped.entries()) io.out(`  ${line}: ${changes?.dropped[i]?.why ?? ''}`);
  const old = drainingText(verdict.draining);
  if (old !== null) io.out(old);
}

/** Returns the file that the running instance reads, to name it in problems. */
async function runningConfig(at: Home): Promise<string> {
  const reached = await reach(at, 'GET', '/status', PATIENCE_MS);
  const known = reached.kind === 'answered' && isStatus(reached.body) ? reached.body.config_path : null;
  return known ?? 'config.yaml';
}

const strange = strangeAnswer(
  'verdict on a reload',
  "run 'bal status' and look at the log to see whether it was reloaded; restart bal if need be",
);

/** The keys of a verdict when there is none. */
const noVerdict = {
  ok: false,
  generation: null,
  changed: [],
  unchangeable: [],
  live_changes: { kept: [], dropped: [] },
  workers_replaced: 0,
  draining: null,
  duration_ms: 0,
  errors: [],
};

function isVerdict(body: unknown): body is ReloadVerdict {
  if (typeof body !== 'object' || body === null) return false;
  const lists = ['changed', 'unchangeable', 'errors'];
  return 'ok' in body && lists.every((key) => Array.isArray(Object.getOwnPropertyDescriptor(body, key)?.value));
}
