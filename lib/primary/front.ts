// Where an instance is found: its PID file and its control socket. Owner of both. They go to the process that takes its place, and
// come back where that fails.

import type { ControlHandlers, ControlServer } from '../control/server.ts';
import { serveControl } from '../control/server.ts';
import type { Home } from '../paths.ts';
import type { Claim } from '../pidfile.ts';
import { claimPidFile, takePidFile } from '../pidfile.ts';

export interface Front {
  /** The PID file is this process'; `from`: that of the instance with this pid, which gives it. */
  claim(from: number | null): Claim;
  /** Commands are answered. Rejects where the socket cannot be opened. */
  serve(handlers: ControlHandlers): Promise<void>;
  /** Commands are another process' to answer; whoever has asked already gets an answer. */
  yield(): void;
  /** From `pid`, which is gone. Rejects where that cannot be. */
  takeBack(pid: number): Promise<void>;
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
      const back = claim(pid);
      if (!back.ok) throw new Error(`Cannot claim the PID file: another instance runs, PID ${back.pid}`);
      if (answers !== null) await serve(answers);
    },
    async close() {
      await Promise.all(servers.map((server) => server.close()));
    },
    release: () => claimed?.(),
  };
}
