// Starts host.ts as a process of its own and talks to it.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { within } from '../engine/wait.ts';
import type { TcpHandle } from '../../engine/handles.ts';
import type { HostAnswer, HostOrder, HostReport, HostStart } from './host.ts';

export interface Hosted {
  readonly port: number;
  readonly process: ChildProcess;
  report(): Promise<HostReport>;
  cut(): void;
  /** Closes the engine, after which the process has nothing to do and exits. Resolves to its exit code or signal. */
  close(): Promise<number | string>;
  /** What it has written to stderr. */
  readonly stderr: () => string;
}

export interface HostOptions extends Partial<Omit<HostStart, 'kind' | 'backends'>> {
  readonly env?: NodeJS.ProcessEnv;
  /** RLIMIT_NOFILE of the process, soft and hard. */
  readonly descriptors?: number;
  readonly deadlineMs?: number;
  /** The listening socket to use instead of its own. Stays the caller's. */
  readonly handle?: TcpHandle;
  /** The scoreboard that has `row`. Stays the caller's. */
  readonly scoreboard?: number;
}

/** Resolves once the process listens. It is killed after the test if it has not exited by then. */
export async function host(t: TestContext, backends: readonly number[], options: HostOptions = {}): Promise<Hosted> {
  const { env = {}, descriptors, scoreboard, deadlineMs = 20_000 } = options;
  const program = fileURLToPath(new URL('./host.js', import.meta.url));
  // Node raises the soft limit to the hard one, so a shell sets both and then execs the program.
  const child = fork(program, [], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc', scoreboard ?? 'ignore'],
    env: { ...process.env, ...env },
    ...(descriptors === undefined ? {} : limited(descriptors)),
  });
  t.after(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const gone = once(child, 'exit').then(([code, signal]: unknown[]) => {
    throw new Error(`The host is gone: ${String(code ?? signal)}\n${stderr}`);
  });
  gone.catch(() => undefined);

  async function next<Kind extends HostAnswer['kind']>(kind: Kind): Promise<Extract<HostAnswer, { kind: Kind }>> {
    const answered = new Promise<Extract<HostAnswer, { kind: Kind }>>((resolve) => {
      const listener = (message: unknown): void => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- host.ts sends nothing else
        const answer = message as HostAnswer;
        if (answer.kind !== kind) return;
        child.off('message', listener);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the kind was just compared
        resolve(answer as Extract<HostAnswer, { kind: Kind }>);
      };
      child.on('message', listener);
    });
    return within(Promise.race([answered, gone]), `the host answers ${kind}`, deadlineMs);
  }

  const order = (message: HostOrder): boolean => child.send(message);
  const start: HostStart = { kind: 'start', backends, connectTimeoutMs: 1000, idleMs: 60_000, behaviour: 'calm' };
  // Node passes bare TCP handles as well, but its types only have sockets and servers.
  Reflect.apply(child.send.bind(child), undefined, [{ ...start, ...pick(options) }, options.handle]);
  const { port } = await next('listening');
  return {
    port,
    process: child,
    report: async () => {
      const answer = next('report');
      order({ kind: 'report' });
      return answer;
    },
    cut: () => order({ kind: 'cut' }),
    close: async () => {
      const exit = once(child, 'close').then(([code, signal]: unknown[]) => {
        return typeof code === 'number' ? code : String(signal);
      });
      order({ kind: 'close' });
      return within(exit, 'the host exits', deadlineMs);
    },
    stderr: () => stderr,
  };
}

function pick({ connectTimeoutMs, idleMs, behaviour, row }: HostOptions): Partial<HostStart> {
  return {
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(idleMs === undefined ? {} : { idleMs }),
    ...(behaviour === undefined ? {} : { behaviour }),
    ...(row === undefined ? {} : { row }),
  };
}

function limited(descriptors: number): { execPath: string; execArgv: string[] } {
  return { execPath: '/bin/sh', execArgv: ['-c', `ulimit -n ${descriptors}; exec "$0" "$@"`, process.execPath] };
}
