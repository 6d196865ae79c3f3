// Finds the processes of an instance, even if their parents are gone: they all inherit BAL_HOME, and the kernel shows a process's
// initial environment. Never signals processes by name.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { until } from '../../lib/testing/until.ts';

/** Reads a file of a process in /proc. Null: the process is gone, or not ours to read. */
function proc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return null;
  }
}

/** Whether the process is alive. A zombie is not: it only waits to be reaped. */
export function isAlive(pid: number): boolean {
  const stat = proc(pid, 'stat');
  return stat !== null && stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
}

/** Returns living processes with this home in that variable: primaries, workers, commands under way. */
export function pidsOf(home: string, variable = 'BAL_HOME'): number[] {
  const mark = `${variable}=${home}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isAlive(pid) && (proc(pid, 'environ') ?? '').split('\0').includes(mark));
}

/** Returns the living children of a process. */
export function childrenOf(parent: number): number[] {
  return bornOf(parent).filter(isAlive);
}

/** Returns how many of its children have ended and were not reaped yet. */
export function zombiesOf(parent: number): number {
  return bornOf(parent).filter((pid) => proc(pid, 'stat') !== null && !isAlive(pid)).length;
}

function bornOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const stat = proc(pid, 'stat');
      return stat !== null && Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
    });
}

/** Finds PID 1 of the PID namespace that a program runs in: `parent` itself, or a process below it. */
export function firstBelow(parent: number): number | null {
  if (/^NSpid:.*\t1$/m.test(proc(parent, 'status') ?? '')) return parent;
  for (const child of childrenOf(parent)) {
    const found = firstBelow(child);
    if (found !== null) return found;
  }
  return null;
}

export function cwdOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/cwd`);
}

/** Resident memory in bytes; 0 when gone. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(proc(pid, 'status') ?? '');
  return match === null ? 0 : Number(match[1]) * 1024;
}

/** Signals a process that may already be gone. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // already gone
  }
}

export async function gone(pid: number): Promise<void> {
  await until(`process ${pid} is gone`, () => !isAlive(pid));
}

/** CPU time that a process has used so far, in ms; 0 when gone. */
export function cpuMs(pid: number): number {
  const stat = proc(pid, 'stat');
  if (stat === null) return 0;
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  // The kernel reports ticks, a hundred per second.
  return (user + system) * 10;
}

/** Proportional set size in bytes: private memory plus its share of shared memory; 0 when gone. */
export function proportionalBytes(pid: number): number {
  const match = /^Pss:\s+(\d+) kB/m.exec(proc(pid, 'smaps_rollup') ?? '');
  return match === null ? 0 : Number(match[1]) * 1024;
}
