// The PID file of an instance: line 1 holds the PID alone (systemd reads it), line 2 the start time of that process. It names the
// running instance and keeps a second one out of the same home. The content is checked against the process itself, so no
// process but the one that wrote the file is ever signalled because of it.
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { lookUp, ownStartTime } from './process.ts';

export type PidFile =
  /** `startTime` is null if this system hides it; such a process must not be signalled. */
  | { readonly running: true; readonly pid: number; readonly startTime: string | null }
  | { readonly running: false; readonly reason: NotRunning };

/**
 * none: no such file. stale: its process is gone, or another process has its PID now. foreign: the process belongs to another
 * user than the file. corrupt: not a PID file. unreadable: it cannot be read, so it is unknown whether an instance runs.
 */
export type NotRunning = 'none' | 'stale' | 'foreign' | 'corrupt' | 'unreadable';

export type Claim =
  | { readonly ok: true; release(): void }
  /** Another instance runs in this home. */
  | { readonly ok: false; readonly pid: number };

const MAX_BYTES = 256;
const PATIENCE_MS = 3000;
/** Errors of open(2) for a path that exists but is not a regular file: a symlink, a socket. */
const NO_FILE = new Set(['ELOOP', 'EMLINK', 'EFTYPE', 'ENXIO', 'EOPNOTSUPP', 'ENOTSUP']);
/** Errors of link(2) on file systems without hard links (vfat, some shared folders). */
const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Whether the instance that wrote the file is running. Never throws and never waits, whatever is at `path`. */
export function readPidFile(path: string): PidFile {
  const entry = readEntry(path);
  if ('reason' in entry) return { running: false, reason: entry.reason };
  const presence = lookUp(entry.pid);
  if (presence.state === 'gone') return { running: false, reason: 'stale' };
  if (presence.startTime === null) return { running: true, pid: entry.pid, startTime: null };
  if (presence.startTime !== entry.startTime) return { running: false, reason: 'stale' };
  if (presence.uids !== null && !presence.uids.includes(entry.owner)) return { running: false, reason: 'foreign' };
  return { running: true, pid: entry.pid, startTime: presence.startTime };
}

/**
 * Claims the file, or returns the instance that has it. Replaces a file that names no running instance. Throws if the file cannot
 * be written, or if a directory is in its place, which must not be removed.
 */
export function claimPidFile(path: string): Claim {
  const startTime = ownStartTime();
  // Write a draft and link it, so that the file appears complete or not at all.
  const draft = `${path}.${process.pid}`;
  try {
    unlinkIfThere(draft);
    writeFileSync(draft, `${process.pid}\n${startTime}\n`, { flag: 'wx', mode: 0o644 });
    const giveUp = performance.now() + PATIENCE_MS;
    while (performance.now() < giveUp) {
      if (tryLink(draft, path)) return { ok: true, release: () => release(path, startTime) };
      const found = otherInstance(path);
      if (found.running) return { ok: false, pid: found.pid };
      removeStale(path, draft);
    }
  } catch (cause) {
    throw new Error(`Cannot claim the PID file: ${messageOf(cause)}`, { cause });
  } finally {
    unlinkIfThere(draft);
  }
  throw new Error(`Cannot claim the PID file: others have been replacing ${path} for ${PATIENCE_MS} ms`);
}

/**
 * Claims a file that names `pid`, the instance being replaced, or no running instance. A complete file exists at every moment.
 * Throws like claimPidFile().
 */
export function takePidFile(path: string, pid: number): Claim {
  const startTime = ownStartTime();
  const ours = readEntry(path);
  // Our own file need not be writable any more.
  const isOurs = !('reason' in ours) && ours.pid === process.pid && ours.startTime === startTime;
  if (isOurs) return { ok: true, release: () => release(path, startTime) };
  const found = otherInstance(path);
  if (found.running && found.pid !== pid) return { ok: false, pid: found.pid };
  const draft = `${path}.${process.pid}`;
  try {
    unlinkIfThere(draft);
    writeFileSync(draft, `${process.pid}\n${startTime}\n`, { flag: 'wx', mode: 0o644 });
    renameSync(draft, path);
  } catch (cause) {
    throw new Error(`Cannot claim the PID file: ${messageOf(cause)}`, { cause });
  } finally {
    unlinkIfThere(draft);
  }
  return { ok: true, release: () => release(path, startTime) };
}

function release(path: string, startTime: string): void {
  const entry = readEntry(path);
  if ('reason' in entry || entry.pid !== process.pid || entry.startTime !== startTime) return;
  unlinkIfThere(path);
}

/**
 * Removes a file that names no running instance. Takes a lock and checks the file again under it. Otherwise, if two instances find
 * the same stale file, the slower one would remove the new file of the faster one.
 */
function removeStale(path: string, draft: string): void {
  const lock = `${path}.lock`;
  if (!tryLink(draft, lock)) {
    // The lock is held for microseconds, unless its holder was killed.
    const holder = otherInstance(lock);
    if (holder.running || holder.reason === 'unreadable') pause(2);
    else unlinkIfThere(lock);
    return;
  }
  try {
    const found = otherInstance(path);
    if (found.running || found.reason === 'none') return;
    if (found.reason === 'unreadable') throw new Error(`${path} cannot be read, so it may be that of a running bal`);
    if (lstatSync(path).isDirectory()) throw new Error(`${path} is a directory`);
    unlinkSync(path);
  } finally {
    unlinkIfThere(lock);
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Like readPidFile, but our own PID counts as stale: it is left over from an earlier process. */
function otherInstance(path: string): PidFile {
  const found = readPidFile(path);
  return found.running && found.pid === process.pid ? { running: false, reason: 'stale' } : found;
}

type Entry =
  | { readonly pid: number; readonly startTime: string; readonly owner: number }
  | { readonly reason: 'none' | 'corrupt' | 'unreadable' };

function readEntry(path: string): Entry {
  let fd: number;
  try {
    // Do not follow a symlink, and do not block on a FIFO.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return { reason: 'none' };
    return { reason: NO_FILE.has(code) ? 'corrupt' : 'unreadable' };
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > MAX_BYTES) return { reason: 'corrupt' };
    const buffer = Buffer.alloc(MAX_BYTES);
    const text = buffer.toString('latin1', 0, readSync(fd, buffer, 0, MAX_BYTES, 0));
    const lines = /^([1-9]\d{0,9})\n([^\n]*)\n$/.exec(text);
    if (lines === null) return { reason: 'corrupt' };
    return { pid: Number(lines[1]), startTime: lines[2] ?? '', owner: stat.uid };
  } catch {
    return { reason: 'unreadable' };
  } finally {
    closeSync(fd);
  }
}

/** Links the file, which unlike rename never replaces. Returns false if the name is taken. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return false;
    if (!NO_HARD_LINKS.has(code)) throw error;
  }
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // The file or its directory is already gone.
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
