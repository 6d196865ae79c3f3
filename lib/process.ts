// The identity of a process. A PID alone is not enough, because the kernel reuses it; PID plus start time is.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** The current state of a PID. A zombie counts as gone: it serves nothing and cannot be stopped. */
export type Presence =
  | { readonly state: 'gone' }
  /** `startTime` and `uids` are null if this system hides them. */
  | { readonly state: 'alive'; readonly startTime: string | null; readonly uids: readonly number[] | null };

const GONE: Presence = { state: 'gone' };
const hasProc = existsSync('/proc/self/stat');

/** Looks a process up. Sends it only signal 0, which tests whether it exists. */
export function lookUp(pid: number): Presence {
  if (!Number.isSafeInteger(pid) || pid <= 0 || !exists(pid)) return GONE;
  return hasProc ? fromProc(pid) : fromPs(pid);
}

/** Whether the process with this PID and start time still exists. An unknown start time matches any. */
export function isStillThere(pid: number, startTime: string | null): boolean {
  const presence = lookUp(pid);
  if (presence.state === 'gone') return false;
  return startTime === null || presence.startTime === null || presence.startTime === startTime;
}

/** The start time of this process, '' if unknown. */
export function ownStartTime(): string {
  const presence = lookUp(process.pid);
  return presence.state === 'alive' ? (presence.startTime ?? '') : '';
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function fromProc(pid: number): Presence {
  const stat = readOrNull(`/proc/${pid}/stat`);
  // If it exists, it is another user's and /proc is mounted with hidepid.
  if (stat === null) return exists(pid) ? { state: 'alive', startTime: null, uids: null } : GONE;
  const fields = statFields(stat);
  if (fields === null || fields.state === 'Z' || fields.state === 'X') return GONE;
  // Do not use the owner of /proc/PID: it is root for a binary with file capabilities, like a Node that may bind port 80.
  const uids = /^Uid:\s+(\d+)\s+(\d+)/m.exec(readOrNull(`/proc/${pid}/status`) ?? '');
  return {
    state: 'alive',
    startTime: fields.startTime,
    uids: uids === null ? null : [Number(uids[1]), Number(uids[2])],
  };
}

/** State and start time (fields 3 and 22) of a /proc/PID/stat line. Field 2, the name, may contain spaces and brackets. */
function statFields(stat: string): { readonly state: string; readonly startTime: string } | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  if (state === undefined || startTime === undefined || !/^\d+$/.test(startTime)) return null;
  return { state, startTime };
}

function fromPs(pid: number): Presence {
  try {
    // ps prints the time in words, so fix language and zone for a stable result.
    const line = execFileSync('ps', ['-o', 'uid=', '-o', 'ruid=', '-o', 'state=', '-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 3000,
    });
    const found = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/m.exec(line);
    if (found === null) return { state: 'alive', startTime: null, uids: null };
    if (found[3]?.startsWith('Z') === true) return GONE;
    return { state: 'alive', startTime: found[4] ?? null, uids: [Number(found[1]), Number(found[2])] };
  } catch {
    return exists(pid) ? { state: 'alive', startTime: null, uids: null } : GONE;
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
