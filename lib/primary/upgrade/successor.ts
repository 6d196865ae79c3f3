// The successor of this process, as this process sees it. Owns the child.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';

import type { UpgradeRequest } from '../../control/upgrade.ts';
import { deferred } from '../../deferred.ts';
import { MARK, watchMark } from './mark.ts';
import type { ToPredecessor, ToSuccessor } from './protocol.ts';
import { toPredecessor } from './protocol.ts';

/** What the successor asks of this process once it serves. */
export type Request = Extract<ToPredecessor, { kind: 'stop' | 'reset' }>;

export type Answer =
  | Exclude<ToPredecessor, Request | { kind: 'lend' }>
  | { readonly kind: 'gone'; readonly how: string }
  | { readonly kind: 'silent' }
  /** It sent something before it was asked. */
  | { readonly kind: 'early' };

/** Grace after the exit if the channel stays open, because a child of the successor holds it too. */
const CHANNEL_MS = 500;

export interface Successor {
  readonly pid: number;
  send(message: ToSuccessor): void;
  /** Sends `question`, then waits for the next answer, the end of the process, or the timeout. One at a time. */
  ask(question: ToSuccessor | null, timeoutMs: number): Promise<Answer>;
  /** Stops waiting for its answer. */
  forget(): void;
  /** Called for each request, at once for those that have arrived already. A second `stop` hurries. */
  onRequest(act: (request: Request) => void): void;
  /** Resolves with the exit code when the process has ended. SIGTERM counts as a clean end. */
  readonly ended: Promise<number>;
  /** Kills at once; resolves when the process has ended. */
  kill(): Promise<unknown>;
  /** Passes a signal on, for a parent that ends the successor as it would end this process. */
  signal(name: NodeJS.Signals): void;
}

/**
 * Starts the program in its own session. It inherits the descriptors from FIRST_FD on, in this order. `lent` gets the permits that
 * it lends.
 */
export function startSuccessor(
  { program, node }: UpgradeRequest,
  { config, homeDir, watches }: { readonly config: string; readonly homeDir: string; readonly watches: boolean },
  descriptors: readonly number[],
  lent: (service: string | null, permits: number) => void,
): Successor {
  const queue: Answer[] = [];
  let waiting: ((answer: Answer) => void) | null = null;
  let late: NodeJS.Timeout | undefined;
  /** Requests that arrived before onRequest(). */
  const requests: Request[] = [];
  let requested = (request: Request): void => void requests.push(request);
  const ended = deferred<number>();

  function respond(answer: Answer): void {
    if (waiting === null) queue.push(answer);
    else waiting(answer);
    forget();
  }

  function forget(): void {
    clearTimeout(late);
    waiting = null;
  }

  const child = start();
  child.on('message', (message) => {
    const checked = toPredecessor(message);
    if (checked?.kind === 'lend') lent(checked.service, checked.permits);
    else if (checked?.kind === 'stop' || checked?.kind === 'reset') requested(checked);
    else if (checked !== null) respond(checked);
  });
  // An error of a send to an ending process is ignored: its exit follows.
  child.on('error', (error) => over(`cannot be started: ${error.message}`, 1));
  const end = (code: number | null, signal: NodeJS.Signals | null): void =>
    over(signal ?? `exit code ${code ?? '?'}`, code ?? (signal === 'SIGTERM' ? 0 : 1));
  // Its last message may arrive after its exit.
  child.on('close', end);
  child.on('exit', (code, signal) => setTimeout(end, CHANNEL_MS, code, signal));

  let isOver = false;
  function over(how: string, code: number): void {
    if (isOver || (child.pid !== undefined && child.exitCode === null && child.signalCode === null)) return;
    isOver = true;
    respond({ kind: 'gone', how });
    ended.resolve(code);
  }

  function start(): ChildProcess {
    return spawn(node, [...process.execArgv, program, 'start', '--config', config], {
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...descriptors],
      // WATCHDOG_PID is the pid that the service manager started, so drop it; the manager is told the new pid.
      env: { ...process.env, BAL_HOME: homeDir, [MARK]: '1', ...watchMark(watches), WATCHDOG_PID: undefined },
    });
  }

  function send(message: ToSuccessor): void {
    if (child.connected) child.send(message, () => undefined);
  }

  return {
    pid: child.pid ?? 0,
    send,
    ask(question, timeoutMs) {
      const first = queue.shift();
      if (first !== undefined)
        return Promise.resolve(question === null || first.kind === 'gone' ? first : { kind: 'early' });
      const answer = deferred<Answer>();
      waiting = (given) => answer.resolve(given);
      late = setTimeout(() => respond({ kind: 'silent' }), timeoutMs);
      if (question !== null) send(question);
      return answer.promise;
    },
    forget,
    onRequest(act) {
      requested = act;
      requests.splice(0).forEach(act);
    },
    ended: ended.promise,
    kill() {
      if (!isOver) child.kill('SIGKILL');
      return ended.promise;
    },
    signal: (name) => void child.kill(name),
  };
}
