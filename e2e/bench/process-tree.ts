// What a program and all processes below it have cost: CPU time and memory, as /proc tells them.
import { readFileSync, readdirSync } from 'node:fs';

/** The kernel gives times to user space in hundredths of a second, whatever its own clock. */
const TICKS_PER_SECOND = 100;

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

interface Stat {
  readonly parent: number;
  /** User and system time, with that of children that have ended and were waited for. */
  readonly cpuSeconds: number;
}

/** A line of /proc/PID/stat; the name, in parentheses, may hold spaces and parentheses itself. */
export function parseStat(line: string): Stat {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const ticks = sumOf(fields.slice(11, 15).map(Number));
  return { parent: Number(fields[1]), cpuSeconds: ticks / TICKS_PER_SECOND };
}

export interface Memory {
  /** Proportional set size, KiB: pages that n processes share count 1/n in each. */
  readonly pss: number;
  /** Of that, what is no page of a file: heaps and stacks, but no code, which other programs come to share or leave. */
  readonly own: number;
}

/** From /proc/PID/smaps_rollup. */
export function parseMemory(rollup: string): Memory {
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0);
  return { pss: kib('Pss'), own: kib('Pss_Anon') + kib('Pss_Shmem') };
}

/** All of /proc/stat's first line but idle time, in seconds; time stolen by the hypervisor counts too. */
export function parseBusySeconds(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (stat.split('\n')[0] ?? '')
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // the process has ended
  }
}

/** The root and all its descendants. */
function treeOf(root: number): Map<number, Stat> {
  const all = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const line = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : null;
    if (line !== null) all.set(Number(name), parseStat(line));
  }
  const tree = new Map<number, Stat>();
  const add = (pid: number): void => {
    const stat = all.get(pid);
    if (stat === undefined) return;
    tree.set(pid, stat);
    for (const [child, { parent }] of all) if (parent === pid) add(child);
  };
  add(root);
  return tree;
}

export function pidsBelow(root: number): number[] {
  return [...treeOf(root).keys()];
}

export function cpuSecondsOf(root: number): number {
  return sumOf(Array.from(treeOf(root).values(), ({ cpuSeconds }) => cpuSeconds));
}

/** Milliseconds that a thread has run, from /proc/PID/task/TID/sched; null where the kernel does not tell. */
export function parseRuntime(sched: string): number | null {
  const found = /^se\.sum_exec_runtime\s*:\s*([\d.]+)/m.exec(sched)?.[1];
  return found === undefined ? null : Number(found);
}

/**
 * CPU time of one process, its living threads together, finer than the hundredths that the kernel gives otherwise: what
 * differs by a few percent in a second needs it.
 */
export function fineCpuSeconds(pid: number): number {
  const threads = readThreads(pid).map((id) => parseRuntime(read(`/proc/${pid}/task/${id}/sched`) ?? ''));
  if (threads.some((ms) => ms === null)) return parseStat(read(`/proc/${pid}/stat`) ?? '').cpuSeconds;
  return sumOf(threads.map((ms) => ms ?? 0)) / 1000;
}

function readThreads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

export function memoryOf(root: number): Memory {
  const all = pidsBelow(root).map((pid) => parseMemory(read(`/proc/${pid}/smaps_rollup`) ?? ''));
  return { pss: sumOf(all.map(({ pss }) => pss)), own: sumOf(all.map(({ own }) => own)) };
}

/** Busy time of all the machine's CPUs since it started. */
export function machineBusySeconds(): number {
  return parseBusySeconds(read('/proc/stat') ?? '');
}
