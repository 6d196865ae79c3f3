// Binds a server to a Unix socket that only its owner, or a group, may use. The socket appears under its name ready to answer,
// replaces a stale one, and is removed only by its own server.
import { chmodSync, existsSync, lchownSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';

/** What fits into sockaddr_un with its final zero byte: 108 bytes on Linux, 104 on macOS and the BSDs. */
const MAX_PATH = process.platform === 'linux' ? 107 : 103;

/** Says how much too long a path is; null if it fits. */
export function tooLongForSocket(path: string): string | null {
  const length = Buffer.byteLength(path);
  return length <= MAX_PATH ? null : `${path} has ${length} bytes, and the system allows ${MAX_PATH}`;
}

/**
 * Resolves to a function that removes the socket's file. Rejects if the path is too long, if something else is in its place, or
 * if another process answers on it.
 */
export async function listenPrivately(server: Server, path: string): Promise<() => void> {
  const tooLong = tooLongForSocket(path);
  if (tooLong !== null) throw new Error(`Cannot open the control socket: ${tooLong}; choose a shorter BAL_HOME`);
  // libuv reports a missing directory as EACCES, which would send the operator looking for a permission.
  if (!existsSync(dirname(path))) throw new Error(`Cannot open the control socket: there is no ${dirname(path)}`);
  await refuseIfTaken(path);
  try {
    return (await listenUnseen(server, path, null)).appear();
  } catch (cause) {
    server.close();
    throw new Error(`Cannot open the control socket: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** A server that listens and has no name yet. */
export interface Unseen {
  /** Replaces any socket at the path. Returns a function that removes this one. */
  appear(): () => void;
  discard(): void;
}

/**
 * Binds to a draft name, which is shorter and so fits too, and renames it: a rename replaces another socket in one step. It also
 * keeps libuv, which unlinks the bound name when the server closes, from removing a successor's socket. Members of `group` may
 * use the socket too. Rejects with the error of bind(2) or chown(2).
 */
export async function listenUnseen(server: Server, path: string, group: number | null): Promise<Unseen> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false)
    throw new Error(`${path} is there, and no socket`);
  const draft = join(dirname(path), `.${basename(path).slice(0, 1)}${process.pid.toString(36)}`);
  unlinkIfThere(draft);
  await bind(server, draft);
  try {
    if (group !== null) lchownSync(draft, lstatSync(draft).uid, group);
  } catch (error) {
    unlinkIfThere(draft);
    throw error;
  }
  return {
    appear() {
      // Not earlier: a rejected reload must not have let the group in.
      if (group !== null) chmodSync(draft, 0o660);
      renameSync(draft, path);
      const { ino } = lstatSync(path);
      return () => {
        if (lstatSync(path, { throwIfNoEntry: false })?.ino === ino) unlinkIfThere(path);
      };
    },
    discard: () => unlinkIfThere(draft),
  };
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.removeListener('error', reject);
      resolve();
    });
    // The file is created inside listen(), before it returns. A chmod afterwards would leave a gap for other users.
    const umask = process.umask(0o177);
    try {
      server.listen(path);
    } finally {
      process.umask(umask);
    }
  });
}

async function refuseIfTaken(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isSocket()) throw new Error(`Cannot open the control socket: ${path} exists and is no socket`);
  if (await answers(path)) throw new Error(`Cannot open the control socket: another process listens on ${path}`);
}

/** Whether a process listens. Only a refusal means no: a full queue, for one, is a sign of life. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}

/** Removes the socket of a dead process; leaves anything else. */
export function removeLeftover(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkIfThere(path);
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone already.
  }
}
