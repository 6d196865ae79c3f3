// Owns what makes an instance reachable: the PID file, the control socket and the read-only socket. They go to the successor in
// an upgrade, and come back if it fails.

import type { Plan } from '../../config/plan.ts';
import { asError } from '../as-error.ts';
import type { Diagnosis } from '../control/protocol.ts';
import type { ControlHandlers, ControlServer } from '../control/server.ts';
import { serveControl } from '../control/server.ts';
import type { Home } from '../paths.ts';
import type { Claim } from '../pidfile.ts';
import type { Watchers } from './listen/watchers.ts';
import { createWatchers } from './listen/watchers.ts';
import { claimPidFile, readPidFile, takePidFile } from '../pidfile.ts';

export interface Front {
  /** Claims the PID file for this process. `from`: the pid of the instance that hands it over. */
  claim(from: number | null): Claim;
  /** Answers commands. Rejects if the control socket cannot be opened. Returns the problem if that of `control_group` cannot. */
  serve(handlers: ControlHandlers, plan: Plan): Promise<Diagnosis | null>;
  readonly watchers: Watchers;
  /** Leaves new commands to another process. Those that have arrived already still get an answer. */
  yield(): void;
  /**
   * Takes PID file and sockets back from `pid`, which is gone. Null: all is as before. `taken`: another instance has them. An
   * error: some of it failed, and commands are answered if possible.
   */
  takeBack(pid: number, plan: Plan): Promise<Error | 'taken' | null>;
  /** Whether the PID file names that process. */
  names(pid: number): boolean;
  /** Finishes answers under way. */
  close(): Promise<void>;
  /** Removes the PID file if it is this process's. */
  release(): void;
}

export function createFront(at: Home): Front {
  const { pidFile, socket } = at;
  let claimed: (() => void) | null = null;
  let answers: ControlHandlers | null = null;
  /** Those that were withdrawn, too, until their last answer is over. */
  const servers = new Set<ControlServer>();
  const watchers = createWatchers(at, () => answers);

  function claim(from: number | null): Claim {
    const result = from === null ? claimPidFile(pidFile) : takePidFile(pidFile, from);
    if (result.ok) claimed = () => result.release();
    return result;
  }

  async function serve(handlers: ControlHandlers, plan: Plan): Promise<Diagnosis | null> {
    answers = handlers;
    // Both sockets appear in one turn: a user denied at one must find the other.
    const problem = await watchers.prepare(plan);
    const server = await serveControl(socket, handlers);
    servers.add(server);
    void server.closed.then(() => servers.delete(server));
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
        fault = asError(error);
      }
      try {
        const problem = answers === null ? null : await serve(answers, plan);
        if (problem !== null) fault = new Error(problem.what_happened);
      } catch (error) {
        fault = asError(error);
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
