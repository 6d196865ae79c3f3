// Where an instance is found: its PID file, its control socket and that of those who may only ask. Owner of all. They go to the
// process that takes its place, and come back where that fails.

import type { Plan } from '../../config/plan.ts';
import type { Diagnosis } from '../control/protocol.ts';
import type { ControlHandlers, ControlServer } from '../control/server.ts';
import { serveControl } from '../control/server.ts';
import type { Home } from '../paths.ts';
import type { Claim } from '../pidfile.ts';
import type { Watchers } from './listen/watchers.ts';
import { createWatchers } from './listen/watchers.ts';
import { claimPidFile, readPidFile, takePidFile } from '../pidfile.ts';

export interface Front {
  /** The PID file is this process'; `from`: that of the instance with this pid, which gives it. */
  claim(from: number | null): Claim;
  /** Commands are answered. Rejects where the socket cannot be opened; or returns why that of `control_group` cannot be. */
  serve(handlers: ControlHandlers, plan: Plan): Promise<Diagnosis | null>;
  readonly watchers: Watchers;
  /** Commands are another process' to answer; whoever has asked already gets an answer. */
  yield(): void;
  /**
   * From `pid`, which is gone. Null: all is as before; `taken`: another instance has both. Else what of it cannot be, and commands
   * are answered if that can.
   */
  takeBack(pid: number, plan: Plan): Promise<Error | 'taken' | null>;
  /** The PID file names that process. */
  names(pid: number): boolean;
  /** Answers that are under way are given. */
  close(): Promise<void>;
  /** The PID file goes, if it is this process'. */
  release(): void;
}

export function createFront(at: Home): Front {
  const { pidFile, socket } = at;
  let claimed: (() => void) | null = null;
  let answers: ControlHandlers | null = null;
  const servers: ControlServer[] = [];
  const watchers = createWatchers(at, () => answers);

  function claim(from: number | null): Claim {
    const result = from === null ? claimPidFile(pidFile) : takePidFile(pidFile, from);
    if (result.ok) claimed = () => result.release();
    return result;
  }

  async function serve(handlers: ControlHandlers, plan: Plan): Promise<Diagnosis | null> {
    answers = handlers;
    // Both appear in one turn: who is denied at the one must not miss the other.
    const problem = await watchers.prepare(plan);
    servers.push(await serveControl(socket, handlers));
    if (problem === null) watchers.commit();
    return problem;
  }

  return {
    claim,
    serve,
    watchers,
    yield() {
      servers.forEach((server) => server.withdraw());
      watchers.withdraw();
    },
    async takeBack(pid, plan) {
      let fault: Error | null = null;
      try {
        if (!claim(pid).ok) return 'taken';
      } catch (error) {
        fault = errorOf(error);
      }
      try {
        const problem = answers === null ? null : await serve(answers, plan);
        if (problem !== null) fault = new Error(problem.what_happened);
      } catch (error) {
        fault = errorOf(error);
      }
      return fault;
    },
    names(pid) {
      const found = readPidFile(pidFile);
      return found.running && found.pid === pid;
    },
    async close() {
      await Promise.all([...servers, watchers].map((it) => it.close()));
    },
    release: () => claimed?.(),
  };
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
