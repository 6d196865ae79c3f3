// Third-party programs: found where a distribution installs them, run in a folder of their own and not as root.
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { atEnd, atExit, type Owner } from './owner.ts';
import { asProgramUser } from './program-user.ts';
import { until } from './until.ts';

function postgresFolders(): string[] {
  try {
    const base = '/usr/lib/postgresql';
    return readdirSync(base).map((version) => join(base, version, 'bin'));
  } catch {
    return [];
  }
}

/** The path of a program, or null if it is not installed. An absolute path may also be a folder. */
export function find(name: string): string | null {
  if (isAbsolute(name)) return existsSync(name) ? name : null;
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    ...postgresFolders(),
  ];
  for (const folder of folders) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // not here
    }
  }
  return null;
}

/** Why a test cannot run, or null if every program is installed. */
export function lacking(...names: readonly string[]): string | null {
  const missing = names.filter((name) => find(name) === null);
  return missing.length === 0 ? null : `${missing.join(', ')} not installed`;
}

/** A folder that the programs may write to, removed at the end. */
export function workFolder(owner: Owner): string {
  const folder = mkdtempSync(join(tmpdir(), 'bal-e2e-program-'));
  const { uid, gid } = asProgramUser;
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  // Processes that were killed a moment ago may still be writing.
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  const forget = atExit(remove);
  atEnd(owner, () => {
    remove();
    forget();
  });
  return folder;
}

/** Kills a program that leads a process group with everything it started: killing a master does not end its workers. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // already gone
  }
}

export interface RunResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a program until it exits. */
export function run(
  name: string,
  args: readonly string[],
  { cwd = tmpdir(), env = {} }: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(find(name) ?? name, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...asProgramUser,
    });
    const late = setTimeout(() => killGroup(child), 120_000);
    const forget = atExit(() => killGroup(child));
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(late);
      forget();
      resolve({ code, stdout: Buffer.concat(stdout), stderr });
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

export interface ServeOptions {
  readonly port: number;
  readonly cwd: string;
  /**
   * The signal that ends it without waiting for clients: SIGINT for most (PostgreSQL: fast shutdown; Redis, nginx:
   * stop).
   */
  readonly endedBy?: NodeJS.Signals;
}

/** Starts a server in the foreground and waits until it accepts on `port`. It ends with its owner. */
export async function serve(
  owner: Owner,
  name: string,
  args: readonly string[],
  { port, cwd, endedBy = 'SIGINT' }: ServeOptions,
): Promise<void> {
  const child = spawn(find(name) ?? name, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...asProgramUser,
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const forget = atExit(() => killGroup(child));
  atEnd(owner, async () => {
    child.kill(endedBy);
    const force = setTimeout(() => killGroup(child), 10_000);
    await ended;
    clearTimeout(force);
    forget();
  });
  await until(`${name} accepts on ${port}`, async () => {
    if (child.exitCode !== null) throw new Error(`Cannot start ${name}: ${said}`);
    return answers(port);
  });
}
