// The paths of an instance. Each instance has one home. Every command gets its paths here, so all agree.
import { readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';

export interface Home {
  readonly dir: string;
  readonly pidFile: string;
  readonly socket: string;
  /** The read-only control socket. */
  readonly askSocket: string;
  readonly logDir: string;
  /** The changes made with `bal backend`. */
  readonly backendsFile: string;
  /** The socket where the worker with that pid offers its connections to another. */
  handover(pid: number): string;
}

/** Neither BAL_HOME nor a home directory exists, as in a container that runs under a bare uid. */
export class NoHomeError extends Error {
  constructor() {
    super('there is no home directory: neither BAL_HOME nor HOME is set, and the user has none');
    this.name = 'NoHomeError';
  }
}

/**
 * `$BAL_HOME`, else `~/.bal`; always absolute, so that it survives a change of directory.
 * @throws {NoHomeError}
 */
export function home(environment: NodeJS.ProcessEnv = process.env): Home {
  const configured = environment['BAL_HOME'];
  const dir = resolve(configured === undefined || configured === '' ? join(userHome(), '.bal') : configured);
  return {
    dir,
    pidFile: join(dir, 'bal.pid'),
    socket: join(dir, 'bal.sock'),
    // As long as the control socket's path, so it fits into a socket address if that does.
    askSocket: join(dir, 'ask.sock'),
    logDir: join(dir, 'logs'),
    backendsFile: join(dir, 'backends.json'),
    // Hardly longer than the control socket's path, so it usually fits too.
    handover: (pid) => join(dir, `h.${pid}`),
  };
}

function userHome(): string {
  try {
    const dir = homedir();
    if (dir !== '') return dir;
  } catch {
    // There is no HOME and no passwd entry for the user.
  }
  throw new NoHomeError();
}

/**
 * The configuration file for every command: `--config`, else `$BAL_HOME/config.yaml`, else /etc/bal/config.yaml. If neither of the
 * latter exists, returns the first, so that the error names where the file is expected.
 */
export function configPath(option: string | undefined, given?: Home): string {
  if (option !== undefined) return resolve(option);
  const at = given ?? home();
  const own = join(at.dir, 'config.yaml');
  const system = '/etc/bal/config.yaml';
  return !isThere(own) && isThere(system) ? system : own;
}

/** Whether something exists there. A path that this user may not access counts as existing. */
export function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

const HANDOVER = /^h\.(\d+)$/;

/** Lists the existing sockets of Home.handover(); none if the directory cannot be read. */
export function handoversIn(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
      entry.isSocket() && HANDOVER.test(entry.name) ? [join(dir, entry.name)] : [],
    );
  } catch {
    return [];
  }
}

/** The pid of the worker that listens there. */
export function pidOfHandover(path: string): number | null {
  const digits = HANDOVER.exec(basename(path))?.[1];
  return digits === undefined ? null : Number(digits);
}
