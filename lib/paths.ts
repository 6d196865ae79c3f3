// Where an instance keeps its things. One instance is one home; every command asks here, so all agree.
import { readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';

export interface Home {
  readonly dir: string;
  readonly pidFile: string;
  readonly socket: string;
  /** Of those who may ask, and change nothing. */
  readonly askSocket: string;
  readonly logDir: string;
  /** What `bal backend` has changed in the running instance. */
  readonly backendsFile: string;
  /** Where the worker with that pid offers its connections to another. */
  handover(pid: number): string;
}

/** There is neither BAL_HOME nor a home directory of the user, as in a container that runs as a bare number. */
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
    // No longer than the control socket: where that can be made so can this.
    askSocket: join(dir, 'ask.sock'),
    logDir: join(dir, 'logs'),
    backendsFile: join(dir, 'backends.json'),
    // Hardly longer than the control socket: where that can be made so can this, as a rule.
    handover: (pid) => join(dir, `h.${pid}`),
  };
}

function userHome(): string {
  try {
    const dir = homedir();
    if (dir !== '') return dir;
  } catch {
    // No HOME, and no entry for the user in passwd.
  }
  throw new NoHomeError();
}

/**
 * The configuration file that every command uses: `--config`, else `$BAL_HOME/config.yaml`, else /etc/bal/config.yaml.
 * When none of the two exists the first is returned, so that the error names where the file is expected.
 */
export function configPath(option: string | undefined, given?: Home): string {
  if (option !== undefined) return resolve(option);
  const at = given ?? home();
  const own = join(at.dir, 'config.yaml');
  const system = '/etc/bal/config.yaml';
  return !isThere(own) && isThere(system) ? system : own;
}

/** Also what this user may not look at is there: it must not be taken for something that is missing. */
export function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

const HANDOVER = /^h\.(\d+)$/;

/** The sockets of Home.handover() that are there; none where the folder cannot be read. */
export function handoversIn(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
      entry.isSocket() && HANDOVER.test(entry.name) ? [join(dir, entry.name)] : [],
    );
  } catch {
    return [];
  }
}

/** The worker that listens there. */
export function pidOfHandover(path: string): number | null {
  const digits = HANDOVER.exec(basename(path))?.[1];
  return digits === undefined ? null : Number(digits);
}
