// Where an instance is found: its PID file and its control socket. Owner of both. They go to the process that takes its place, and
// come back where that fails.

import type { ControlHandlers, ControlServer } from '../control/server.ts';
import { serveControl } from '../control/server.ts';
import type { Home } from '../paths.ts';
import type { Claim } from '../pidfile.ts';
import { claimPidFile, readPidFile, takePidFile } from '../pidfile.ts';

export interface Front {
  /** The PID file is this process'; `from`: that of the instance with this pid, which gives it. */
  claim(from: number | null): Claim;
  /** Commands are answered. Rejects where the socket cannot be opened. */
  serve(handlers: ControlHandlers): Promise<void>;
  /** Commands are another process' to answer; whoever has asked already gets an answer. */
  yield(): void;
  /**
   * From `pid`, which is gone. Null: all is as before; `taken`: another instance has both. Else what of it cannot be, and commands
   * are answered if that can.
   */
  takeBack(pid: number): Promise<Error | 'taken' | null>;
  /** The PID file names that process. */
  names(pid: number): boolean;
  /** Answers that are under way are given. */
  close(): Promise<void>;
  /** The PID file goes, if it is this process'. */
  release(): void;
}

export function createFront({ pidFile, socket }: Home): Front {
  let claimed: (() => void) | null = null;
  let answers: ControlHandlers | null = null;
  const servers: ControlServer[] = [];

  function claim(from: number | null): Claim {
    const result = from === null ? claimPidFile(pidFile) : takePidFile(pidFile, from);
    if (result.ok) claimed = () => result.release();
    return result;
  }

  async function serve(handlers: ControlHandlers): Promise<void> {
    answers = handlers;
    servers.push(await serveControl(socket, handlers));
  }

  return {
    claim,
    serve,
    yield: () => servers.forEach((server) => server.withdraw()),
    async takeBack(pid) {
      let fault: Error | null = null;
      try {
        if (!claim(pid).ok) return 'taken';
      } catch (error) {
        fault = errorOf(error);
      }
      try {
        if (answers !== null) await serve(answers);
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
      await Promise.all(servers.map((server) => server.close()));
    },
    release: () => claimed?.(),
  };
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
