// Starts the daemon for `start -d`: a second process in its own session, which reports over an IPC channel that it is ready, or
// why not. The launcher waits for that report, so its exit code is reliable.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Problem } from '../../config/problem.ts';
import { asError } from '../as-error.ts';
import type { Diagnosis } from '../control/protocol.ts';
import type { Home } from '../paths.ts';
import { duration } from '../units.ts';

export type Outcome =
  | { readonly kind: 'running'; readonly pid: number; readonly warning: Diagnosis | null }
  | { readonly kind: 'failed'; readonly problem: Diagnosis; readonly errors: readonly Problem[] };

/** The daemon's one report to its launcher. */
export type Startup =
  | { readonly kind: 'ready'; readonly warning: Diagnosis | null }
  | { readonly kind: 'failed'; readonly problem: Diagnosis; readonly errors: readonly Problem[] };

/** Set by the launcher for the daemon. */
const MARK = 'BAL_DAEMON';
/** Far more than a start takes; a machine in trouble may be slow, but somebody waits for an answer. */
const START_MS = 60_000;
const KILL_MS = 5000;
/** The file for the daemon's raw output, such as crash traces, is truncated beyond this. */
const MAX_ERR_BYTES = 1024 * 1024;

/** Whether launch() started this process. */
export function isDaemon(): boolean {
  return process.env[MARK] !== undefined && process.send !== undefined;
}

/** The daemon's side: returns the function that reports to the launcher. Afterwards the daemon is on its own. */
export function reportToLauncher(): (startup: Startup) => void {
  // Child processes must not take themselves for daemons of this launcher, and no file system must stay busy. All paths in use
  // are absolute.
  delete process.env[MARK];
  process.chdir('/');
  return (startup) => {
    // The launcher may have been killed; the daemon goes on without it.
    if (process.connected) process.send?.(startup, () => process.connected && process.disconnect());
  };
}

/** Starts the daemon and waits for its report. Ends a daemon that does not get ready: nothing half-started stays. */
export async function launch(at: Home, config: string, watch: boolean): Promise<Outcome> {
  const output = openErr(at);
  try {
    const sink = output?.fd ?? 'ignore';
    const words = ['start', '--config', config, ...(watch ? ['--watch'] : [])];
    let child: ChildProcess;
    try {
      child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...words], {
        detached: true,
        stdio: ['ignore', sink, sink, 'ipc'],
        env: { ...process.env, BAL_HOME: at.dir, [MARK]: '1' },
      });
    } catch (error) {
      // Some errors (ENOMEM) are thrown, others (EAGAIN) arrive later as an event.
      return failed(cannotSpawn(asError(error)));
    }
    const outcome = await verdict(child, () => (output === null ? '' : lastLine(output)), at);
    if (child.connected) child.disconnect();
    child.unref();
    return outcome;
  } finally {
    if (output !== null) closeSync(output.fd);
  }
}

function verdict(child: ChildProcess, lastWords: () => string, at: Home): Promise<Outcome> {
  return new Promise((resolve) => {
    let reason: Diagnosis | null = null;
    let reported: Outcome | null = null;
    const settle = (outcome: Outcome) => {
      clearTimeout(late);
      for (const signal of INTERRUPTS) process.off(signal, interrupted);
      child.removeAllListeners();
      resolve(outcome);
    };
    const end = (why: Diagnosis) => {
      reason = why;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), KILL_MS).unref();
    };
    const interrupted = () => end(wasInterrupted);
    const late = setTimeout(() => end(tooLate(at)), START_MS);
    for (const signal of INTERRUPTS) process.on(signal, interrupted);
    child.on('message', (message) => {
      if (!isStartup(message) || reason !== null) return;
      if (message.kind === 'ready') return settle({ kind: 'running', pid: child.pid ?? 0, warning: message.warning });
      // Wait for its exit, so that nothing half-started is left when this command returns.
      reported = message;
      setTimeout(() => child.kill('SIGKILL'), KILL_MS).unref();
    });
    child.on('error', (error) => settle(failed(cannotSpawn(error))));
    // Not 'exit': its last message may arrive after that.
    child.on('close', (code, signal) => settle(reported ?? failed(reason ?? ended(code, signal, lastWords(), at))));
  });
}

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function isStartup(message: unknown): message is Startup {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return false;
  return (
    (message.kind === 'ready' && 'warning' in message) ||
    (message.kind === 'failed' && 'problem' in message && 'errors' in message)
  );
}

interface ErrFile {
  readonly fd: number;
  /** Size when opened: later bytes are this daemon's. */
  readonly from: number;
}

/** Opens logs/bal.err; null if it cannot be written, which does not prevent a start. */
function openErr({ logDir }: Home): ErrFile | null {
  try {
    mkdirSync(logDir, { recursive: true, mode: 0o700 });
    const path = join(logDir, 'bal.err');
    const fd = openSync(path, 'a+', 0o600);
    const { size } = fstatSync(fd);
    if (size <= MAX_ERR_BYTES) return { fd, from: size };
    closeSync(fd);
    return { fd: openSync(path, 'w+', 0o600), from: 0 };
  } catch {
    return null;
  }
}

function lastLine({ fd, from }: ErrFile): string {
  const buffer = Buffer.alloc(16 * 1024);
  const start = Math.max(from, fstatSync(fd).size - buffer.length);
  const lines = buffer
    .toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, start))
    .trim()
    .split('\n');
  // In a trace, the line with the error says more than the last line.
  return (lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? '').trim();
}

function failed(problem: Diagnosis): Outcome {
  return { kind: 'failed', problem, errors: [] };
}

const wasInterrupted: Diagnosis = {
  what_happened: 'the start was interrupted, and the daemon ended',
  why_likely: 'Ctrl-C, or the terminal was closed, before bal was ready',
  do_this_now: "run 'bal start -d' again and let it finish",
};

function tooLate({ logDir }: Home): Diagnosis {
  return {
    what_happened: `bal was not ready within ${duration(START_MS)}, and was ended`,
    why_likely: 'the machine is overloaded, or a name server does not answer',
    do_this_now: `look at ${logDir}, run 'bal doctor --verbose', then try again`,
  };
}

function cannotSpawn(error: Error): Diagnosis {
  return {
    what_happened: `the daemon cannot be started: ${error.message}`,
    why_likely: 'no memory, or too many processes of this user',
    do_this_now: "free some and try again (free -m; ulimit -u), or run 'bal start' in the foreground",
  };
}

function ended(code: number | null, signal: string | null, words: string, { logDir }: Home): Diagnosis {
  return {
    what_happened: `bal ended before it was ready (${signal ?? `exit code ${code ?? '?'}`})`,
    why_likely: words === '' ? 'it was killed, or out of memory' : words,
    do_this_now: `look at ${join(logDir, 'bal.err')}, or run 'bal start' to see it in the foreground`,
  };
}
