// The process that is to take this one's place, as this one sees it. Owner of the child.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';

import type { UpgradeRequest } from '../../control/upgrade.ts';
import { deferred } from '../../deferred.ts';
import { MARK } from './mark.ts';
import type { ToPredecessor, ToSuccessor } from './protocol.ts';
import { toPredecessor } from './protocol.ts';

export type Answer = ToPredecessor | { readonly kind: 'gone'; readonly how: string } | { readonly kind: 'silent' };

export interface Successor {
  readonly pid: number;
  send(message: ToSuccessor): void;
  /** The next message, or how it ended, or that nothing came in that time. One at a time. */
  next(timeoutMs: number): Promise<Answer>;
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
  config: string,
  descriptors: readonly number[],
): Successor {
  const queue: Answer[] = [];
  let waiting: ((answer: Answer) => void) | null = null;
  const ended = deferred<number>();

  function tell(answer: Answer): void {
    if (waiting === null) queue.push(answer);
    else waiting(answer);
    waiting = null;
  }

  const child = start();
  child.on('message', (message) => {
    const checked = toPredecessor(message);
    if (checked !== null) tell(checked);
  });
  // A send to one that is just ending; its end tells the rest.
  child.on('error', (error) => over(`cannot be started: ${error.message}`, 1));
  // Not 'exit': what it said last may come after that.
  child.on('close', (code, signal) =>
    over(signal ?? `exit code ${code ?? '?'}`, code ?? (signal === 'SIGTERM' ? 0 : 1)),
  );

  let isOver = false;
  function over(how: string, code: number): void {
    if (isOver || (child.pid !== undefined && child.exitCode === null && child.signalCode === null)) return;
    isOver = true;
    tell({ kind: 'gone', how });
    ended.resolve(code);
  }

  function start(): ChildProcess {
    return spawn(node, [...process.execArgv, program, 'start', '--config', config], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...descriptors],
      env: { ...process.env, [MARK]: '1' },
    });
  }

  return {
    pid: child.pid ?? 0,
    send: (message) => void (child.connected && child.send(message, () => undefined)),
    next(timeoutMs) {
      const first = queue.shift();
      if (first !== undefined) return Promise.resolve(first);
      const answer = deferred<Answer>();
      const late = setTimeout(() => tell({ kind: 'silent' }), timeoutMs);
      waiting = (given) => {
        clearTimeout(late);
        answer.resolve(given);
      };
      return answer.promise;
    },
    ended: ended.promise,
    kill() {
      if (!isOver) child.kill('SIGKILL');
      return ended.promise;
    },
    signal: (name) => void child.kill(name),
  };
}
