// `bal stop`: requests a stop, waits until the process is gone, forces it if it stays, and reports which it was.
import type { Answer } from '../control/client.ts';
import type { StopProgress, Diagnosis } from '../control/protocol.ts';
import { home, type Home } from '../paths.ts';
import { readPidFile } from '../pidfile.ts';
import { lookUp } from '../process.ts';
import type { Options } from './arguments.ts';
import { askForLines } from './ask.ts';
import type { ExitCode, Io } from './command.ts';
import { goneWithin, instanceProcess, signalIfSame, silentWithin, type BalProcess } from './process-end.ts';
import { judge, MAY_NOT } from './reach.ts';
import { printDiagnosis } from './report.ts';
import { counted } from '../units.ts';

/** A draining primary reports every second. */
const SILENCE_MS = 5000;
const HURRIED_SILENCE_MS = 2500;
/** From "all connections are over" to the end of the process. */
const EXIT_MS = 10_000;
/** For a process that got a signal because it does not answer; its drain timeout is unknown then. */
const SIGNALLED_MS = 60_000;
const HURRIED_MS = 3000;

/** 0: it ran and is gone; 1: it could not be stopped; 3: it was not running. */
export async function stop(options: Options, io: Io): Promise<ExitCode> {
  const at = home();
  const found = await instanceProcess(at);
  const progress = progressTo(io);
  const asked = { timeout_ms: options.timeoutMs, now: options.now };
  const silence = options.now ? HURRIED_SILENCE_MS : SILENCE_MS;
  const answer = await askForLines(at, 'POST', '/stop', asked, silence, (line) => progress.receive(line));
  if (answer.ok && answer.status === 200) return await finish(found, progress.cut(), at, io);
  const reached = judge(answer, readPidFile(at.pidFile), at);
  if (reached.kind === 'not_running' && found === null) {
    printDiagnosis(io, reached.problem);
    return 3;
  }
  if (answer.ok && answer.status === MAY_NOT && reached.kind === 'unreachable') {
    printDiagnosis(io, reached.problem);
    return 1;
  }
  // It may have ended during its answer, or between two requests.
  if (found !== null && found.startTime !== null && (await goneWithin(found, 500))) {
    return stopped(found, progress.cut(), io);
  }
  if (found === null || found.startTime === null) {
    if (reached.kind !== 'answered') printDiagnosis(io, reached.problem);
    return 1;
  }
  return await force(answer, found, options, io);
}

/** The primary has finished; it is stopped once its process is gone. */
async function finish(found: BalProcess | null, cut: number | null, at: Home, io: Io): Promise<ExitCode> {
  if (found === null || found.startTime === null) {
    if (await silentWithin(at, EXIT_MS)) return stopped(found, cut, io);
    return immortal(found, io);
  }
  if (await goneWithin(found, EXIT_MS)) return stopped(found, cut, io);
  io.err(`PID ${found.pid} has finished its work and does not end; sending SIGKILL`);
  signalIfSame(found, 'SIGKILL');
  return (await goneWithin(found, EXIT_MS)) ? stopped(found, cut, io) : immortal(found, io);
}

/** The control socket is unusable: sends signals, and only to a process known to be the instance. */
async function force(answer: Answer, found: BalProcess, options: Options, io: Io): Promise<ExitCode> {
  const { pid } = found;
  const signalled = signalIfSame(found, 'SIGTERM');
  if (signalled === 'gone') return stopped(found, null, io);
  if (signalled === 'denied') return forbidden(found, io);
  const reason = answer.ok ? `the control socket answers ${answer.status}` : 'the control socket does not answer';
  io.err(`${reason}; sending SIGTERM to PID ${pid}`);
  if (options.now) {
    // The second SIGTERM means "at once". Signals pending together are delivered as one, so repeat it.
    const giveUp = performance.now() + HURRIED_MS;
    while (performance.now() < giveUp) {
      if (await goneWithin(found, 200)) return stopped(found, null, io);
      signalIfSame(found, 'SIGTERM');
    }
    io.err(`PID ${pid} does not end; sending SIGKILL (its workers stop accepting and end by themselves)`);
    signalIfSame(found, 'SIGKILL');
    if (await goneWithin(found, EXIT_MS)) return stopped(found, null, io);
    return immortal(found, io);
  }
  const patience = options.timeoutMs === null ? SIGNALLED_MS : options.timeoutMs + EXIT_MS;
  if (await goneWithin(found, patience)) return stopped(found, null, io);
  return immortal(found, io);
}

function stopped(found: BalProcess | null, cut: number | null, io: Io): ExitCode {
  const who = found === null ? 'bal' : `bal (PID ${found.pid})`;
  const cost =
    cut === null
      ? 'how many connections were cut is not known'
      : cut === 0
        ? 'no connection was cut'
        : `${counted(cut, 'connection')} ${cut === 1 ? 'was' : 'were'} cut`;
  io.out(`${who} is stopped; ${cost}`);
  return 0;
}

/** This user may use neither the control socket nor signals. */
function forbidden({ pid }: BalProcess, io: Io): ExitCode {
  const presence = lookUp(pid);
  const [owner] = presence.state === 'gone' ? [] : (presence.uids ?? []);
  const problem: Diagnosis = {
    what_happened: `bal (PID ${pid}) is still running: this user may not stop it`,
    why_likely: `it belongs to another user${owner === undefined ? '' : ` (uid ${owner})`}, and only that one and root may control it`,
    do_this_now: "run 'bal stop' as that user (sudo -u USER bal stop), or set BAL_HOME to your own instance",
  };
  printDiagnosis(io, problem);
  return 1;
}

function immortal(found: BalProcess | null, io: Io): ExitCode {
  const problem: Diagnosis = {
    what_happened: `bal${found === null ? '' : ` (PID ${found.pid})`} is still running`,
    why_likely: 'its primary hangs or is stopped (SIGSTOP), or its connections take longer to finish',
    do_this_now: "run 'bal stop --now'; if that does not help, look at the process with ps -o pid,stat,wchan,cmd",
  };
  printDiagnosis(io, problem);
  return 1;
}

/** Shows the remaining connections: in place on a terminal, else on a new line whenever the number changes. */
function progressTo(io: Io): { receive(line: unknown): void; cut(): number | null } {
  let shown: number | null = null;
  let cut: number | null = null;
  return {
    receive(line) {
      if (!isProgress(line)) return;
      cut = line.cut ?? cut;
      if (line.remaining === shown || line.cut !== undefined) return;
      shown = line.remaining;
      if (shown === 0) return;
      const text = `waiting for ${counted(shown, 'connection')} to finish`;
      if (io.redraw === undefined) io.out(text);
      else io.redraw(text);
    },
    cut: () => cut,
  };
}

function isProgress(line: unknown): line is StopProgress {
  if (typeof line !== 'object' || line === null || !('remaining' in line)) return false;
  return typeof line.remaining === 'number' && (!('cut' in line) || typeof line.cut === 'number');
}
