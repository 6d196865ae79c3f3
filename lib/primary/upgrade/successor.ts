// The process that is to take this one's place, as this one sees it. Owner of the child.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';

import type { StopRequest } from '../../control/protocol.ts';
import type { UpgradeRequest } from '../../control/upgrade.ts';
import { deferred } from '../../deferred.ts';
import { MARK, watchMark } from './mark.ts';
import type { ToPredecessor, ToSuccessor } from './protocol.ts';
import { toPredecessor } from './protocol.ts';

export type Answer =
  | Exclude<ToPredecessor, { kind: 'stop' }>
  | { readonly kind: 'gone'; readonly how: string }
  | { readonly kind: 'silent' }
  /** It has said something before it was asked. */
  | { readonly kind: 'early' };

/** It is gone, and its channel stays open: a process of its own has it, too. */
const CHANNEL_MS = 500;

export interface Successor {
  readonly pid: number;
  send(message: ToSuccessor): void;
  /** What it says next, or how it ended, or that nothing came in that time; `question` is sent first. One at a time. */
  ask(question: ToSuccessor | null, timeoutMs: number): Promise<Answer>;
  /** Its answer is waited for no longer. */
  forget(): void;
  /** It is being stopped: so is this process to be. May come again, to hurry. */
  onStop(stop: (request: StopRequest) => void): void;
  /** Resolves when it has ended, with its exit code; SIGTERM is a clean end, too. */
  readonly ended: Promise<number>;
  /** At once; resolves when it has ended. */
  kill(): Promise<unknown>;
  /** For whoever ends it as this process is to end. */
  signal(name: NodeJS.Signals): void;
}

/** What it inherits: the descriptors, from FIRST_FD on in this order. It is in a session of its own. */
export function startSuccessor(
  { program, node }: UpgradeRequest,
  { config, homeDir, watches }: { readonly config: string; readonly homeDir: string; readonly watches: boolean },
  descriptors: readonly number[],
): Successor {
  const queue: Answer[] = [];
  let waiting: ((answer: Answer) => void) | null = null;
  let late: NodeJS.Timeout | undefined;
  let stopped: (request: StopRequest) => void = () => undefined;
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
    if (checked?.kind === 'stop') stopped({ timeout_ms: checked.timeout_ms, now: checked.now });
    else if (checked !== null) respond(checked);
  });
  // A send to one that is just ending; its end tells the rest.
  child.on('error', (error) => over(`cannot be started: ${error.message}`, 1));
  const end = (code: number | null, signal: NodeJS.Signals | null): void =>
    over(signal ?? `exit code ${code ?? '?'}`, code ?? (signal === 'SIGTERM' ? 0 : 1));
  // What it said last may come after its exit.
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
      // The watchdog's is the pid that the manager has started; it hears of the new one.
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
    onStop(stop) {
      stopped = stop;
    },
    ended: ended.promise,
    kill() {
      if (!isOver) child.kill('SIGKILL');
      return ended.promise;
    },
    signal: (name) => void child.kill(name),
  };
}
