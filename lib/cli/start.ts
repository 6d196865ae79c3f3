// `bal start`: in the foreground this process becomes the primary; with -d another one does, and this one waits until it is
// ready or has failed.
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatProblem, type Problem } from '../../config/problem.ts';
import { quoted } from '../../config/shell.ts';
import { tooLongForSocket } from '../control/listen.ts';
import type { Diagnosis } from '../control/protocol.ts';
import { configPath, home, isThere, type Home } from '../paths.ts';
import { nameProcess } from '../process-name.ts';
import { readPidFile } from '../pidfile.ts';
import { beInit, endNow } from '../primary/init/init.ts';
import { isPassed, NOTHING_PASSED, takePassed } from '../primary/listen/activation.ts';
import { alreadyRunning, cannotServe, stillStopping } from '../primary/reload/verdict.ts';
import { isSuccessor, takeWatchMark } from '../primary/upgrade/mark.ts';
import type { Options } from './arguments.ts';
import type { ExitCode, Io } from './command.ts';
import { isDaemon, launch, reportToLauncher } from './launch.ts';
import { PATIENCE_MS, isStatus, reach } from './reach.ts';
import { startedLines } from './started.ts';
import { printDiagnosis } from './report.ts';

/** 0: started and, in the foreground, stopped again; 1: it cannot run, and says why. */
export async function start(options: Options, io: Io): Promise<ExitCode> {
  const at = home();
  const config = configPath(options.config, at);
  const { watch } = options;
  if (isDaemon()) return await serve({ config, watch, asDaemon: true }, io);
  if (isSuccessor()) return await succeed(config, takeWatchMark());
  const problem = homeProblem(at) ?? (await runningProblem(at));
  if (problem !== null) return failure(problem, [], config, io);
  if (!isThere(config)) {
    printDiagnosis(io, noConfig(config, options.config !== undefined));
    if (options.config === undefined) for (const line of recipe(at, config)) io.err(line);
    return 1;
  }
  if (options.daemon && isPassed(process.env)) return failure(passedToDaemon, [], config, io);
  if (!options.daemon) return await serve({ config, watch, asDaemon: false }, io);
  const outcome = await launch(at, config, watch);
  if (outcome.kind === 'failed') return failure(outcome.problem, outcome.errors, config, io);
  io.out(`bal is running, PID ${outcome.pid}; every worker accepts connections`);
  for (const line of await startedLines(at)) io.out(line);
  if (outcome.warning !== null) printDiagnosis(io, outcome.warning);
  return 0;
}

/** Runs the instance in this process until it ends. */
async function serve(
  { config, watch, asDaemon }: { readonly config: string; readonly watch: boolean; readonly asDaemon: boolean },
  io: Io,
): Promise<ExitCode> {
  // Must come before anything else is open.
  const passed = takePassed(process.env);
  if ('what_happened' in passed) return failure(passed, [], config, io);
  const report = asDaemon ? reportToLauncher() : null;
  const init = beInit();
  try {
    const { supervise } = await import('../primary/supervisor.ts');
    nameProcess('bal: primary');
    const what = { configPath: config, watch, passed };
    const onReady = (warning: Diagnosis | null) => report?.({ kind: 'ready', warning });
    const result = await supervise({ ...what, foreground: !asDaemon, predecessor: null, onReady });
    if (result.ok) return end(result.exitCode);
    if (report === null) return failure(result.problem, result.errors, config, io);
    report({ kind: 'failed', problem: result.problem, errors: result.errors });
  } catch (error) {
    const problem = cannotServe(error);
    if (report === null) return failure(problem, [], config, io);
    report({ kind: 'failed', problem, errors: [] });
  } finally {
    init.close();
  }
  return 1;
}

/** Takes over from the instance that started this process, and runs until it ends. */
async function succeed(config: string, watch: boolean): Promise<ExitCode> {
  const { meet } = await import('../primary/upgrade/predecessor.ts');
  const predecessor = await meet();
  if (predecessor === null) return 1;
  try {
    const { supervise } = await import('../primary/supervisor.ts');
    nameProcess('bal: primary');
    const { foreground } = predecessor;
    const result = await supervise({
      configPath: config,
      watch,
      passed: NOTHING_PASSED,
      foreground,
      predecessor,
      onReady: () => undefined,
    });
    if (result.ok) return end(result.exitCode);
    await predecessor.failed(result.problem, result.errors);
  } catch (error) {
    await predecessor.failed(cannotServe(error), []);
  }
  return 1;
}

const passedToDaemon: Diagnosis = {
  what_happened: 'a service manager passes sockets, and a daemon cannot take them',
  why_likely: "a socket unit belongs to a service that runs 'bal start -d'",
  do_this_now: "run 'bal start' in that service, with Type=notify (sample/bal-foreground.service)",
};

function end(exitCode: number | null): ExitCode {
  // Node's own clean-up would remove the files of Unix sockets, which belong to another process by now.
  if (exitCode !== null) process.exit(exitCode);
  // Otherwise Node would wait for messages of the predecessor.
  if (process.connected) process.disconnect();
  setTimeout(endNow, LEAVE_MS, 0).unref();
  return 0;
}

/**
 * Everything has ended. But Node, even process.exit(), waits for the threads of its pool, and one may hang for long: in a
 * look-up without a responding name server, or in a write to a pipe that nobody reads. A signal does not wait, and a service
 * manager takes an end by this one as clean.
 */
const LEAVE_MS = 1000;

function failure(problem: Diagnosis, errors: readonly Problem[], config: string, io: Io): ExitCode {
  for (const error of errors) io.err(formatProblem(error, config));
  printDiagnosis(io, problem);
  return 1;
}

/** Makes the home if it is missing (for its owner only). Returns null if it can be used. */
function homeProblem({ dir, socket }: Home): Diagnosis | null {
  const tooLong = tooLongForSocket(socket);
  if (tooLong !== null) {
    return {
      what_happened: `the control socket cannot be opened: ${tooLong}`,
      why_likely: 'the path of the home directory ($BAL_HOME or ~/.bal) is too long',
      do_this_now: 'set BAL_HOME to a directory with a shorter path',
    };
  }
  const do_this_now = `make ${dir} a directory that this user may write to, or set BAL_HOME to one`;
  try {
    makeFolders(dir);
    if (!statSync(dir).isDirectory()) throw Object.assign(new Error('it is no directory'), { code: 'ENOTDIR' });
    accessSync(dir, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    const isFile = code === 'EEXIST' || code === 'ENOTDIR';
    return {
      what_happened: `the home directory ${dir} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      why_likely: isFile
        ? 'a file is in its place, or above it'
        : 'it belongs to another user, or its disk is read-only or full',
      do_this_now,
    };
  }
}

/** Not mkdirSync() with `recursive`: it loops forever where the kernel always answers ENOENT, as below /proc/1. */
function makeFolders(dir: string): void {
  if (statSync(dir, { throwIfNoEntry: false }) !== undefined) return;
  if (dirname(dir) !== dir) makeFolders(dirname(dir));
  mkdirSync(dir, { mode: 0o700 });
}

/** Checked before anything is touched: a refused start leaves the PID file of the running instance alone. */
async function runningProblem(at: Home): Promise<Diagnosis | null> {
  const found = readPidFile(at.pidFile);
  if (!found.running && found.reason !== 'unreadable' && !isThere(at.socket)) return null;
  const reached = await reach(at, 'GET', '/status', PATIENCE_MS);
  const status = reached.kind === 'answered' && isStatus(reached.body) ? reached.body : null;
  const pid = found.running ? found.pid : (status?.pid ?? null);
  if (status?.state === 'draining') return stillStopping(pid, status.active_connections);
  if (found.running || reached.kind === 'answered') return alreadyRunning(pid);
  return reached.kind === 'not_running' ? null : reached.problem;
}

function noConfig(config: string, named: boolean): Diagnosis {
  return {
    what_happened: `there is no configuration: ${config} does not exist`,
    why_likely: named ? 'the path after --config is misspelt' : 'bal has not been set up for this user yet',
    do_this_now: named ? 'correct the path, or leave --config out' : 'make one, with your own ports, and start again:',
  };
}

/** The commands that make a first configuration. */
function recipe({ dir }: Home, config: string): string[] {
  return [
    '',
    `mkdir -p ${quoted(dir)} && cat > ${quoted(config)} <<'EOF'`,
    'port: 9295',
    'backends:',
    '  - host: "127.0.0.1"',
    '    port: 9000',
    'EOF',
  ];
}
