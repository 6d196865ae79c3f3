// Finds where a bal in the foreground logs to: the target of its stdout.
import { readFileSync, readlinkSync } from 'node:fs';
import type { Diagnosis } from '../../control/protocol.ts';
import { quoted } from '../../../config/shell.ts';

export function goesToStdout(pid: number | null): Diagnosis {
  const who = pid === null ? 'bal' : `bal (PID ${pid})`;
  return {
    what_happened: `${who} runs in the foreground, and has no log files`,
    why_likely: 'its log goes to its stdout, to whoever has started it',
    do_this_now: pid === null ? OTHERWISE : placeOf(linkOf(pid), unitIn(cgroupOf(pid))),
  };
}

const OTHERWISE = "look there (journalctl -u bal, or the log of the container); 'bal events' shows what has happened";

/** `stdout` is the target of /proc/PID/fd/1, `unit` the process's systemd service. */
export function placeOf(stdout: string | null, unit: string | null): string {
  if (stdout !== null && stdout.startsWith('/dev/')) {
    const where = stdout === '/dev/null' ? 'nowhere' : `to the terminal ${stdout}`;
    return `it goes ${where}: start bal with -d for a log in files; 'bal events' shows what has happened`;
  }
  if (stdout !== null && stdout.startsWith('/')) return `tail -f ${quoted(stdout)}`;
  return unit === null ? OTHERWISE : `journalctl -u ${quoted(unit)} -f`;
}

/** `0::/system.slice/bal.service` → bal.service. */
export function unitIn(cgroup: string): string | null {
  return /\/([^/\n]+\.service)$/m.exec(cgroup)?.[1] ?? null;
}

function linkOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/fd/1`);
  } catch {
    return null; // another user's, or no Linux
  }
}

function cgroupOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return '';
  }
}
