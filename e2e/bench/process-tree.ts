// Reads from /proc the CPU time and memory of a program and all processes below it.
import { readFileSync, readdirSync } from 'node:fs';

/** The kernel reports times in hundredths of a second, whatever its own clock rate. */
const TICKS_PER_SECOND = 100;

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

interface Stat {
  readonly parent: number;
  /** User and system time, including that of reaped children. */
  readonly cpuSeconds: number;
}

/** Parses /proc/PID/stat; the name, in parentheses, may itself contain spaces and parentheses. */
export function parseStat(line: string): Stat {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const ticks = sumOf(fields.slice(11, 15).map(Number));
  return { parent: Number(fields[1]), cpuSeconds: ticks / TICKS_PER_SECOND };
}

export interface Memory {
  /** Proportional set size, KiB: pages that n processes share count 1/n in each. */
  readonly pss: number;
  /** The part not backed by files: heaps and stacks, but not code, as other programs come and go that share it. */
  readonly own: number;
}

/** Parses /proc/PID/smaps_rollup. */
export function parseMemory(rollup: string): Memory {
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0);
  return { pss: kib('Pss'), own: kib('Pss_Anon') + kib('Pss_Shmem') };
}

/** Sums the first line of /proc/stat in seconds, without idle and I/O wait time; steal time counts. */
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

/** Returns the root and all its descendants. */
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

/** Parses a thread's run time in ms from /proc/PID/task/TID/sched; null if the kernel does not report it. */
export function parseRuntime(sched: string): number | null {
  const found = /^se\.sum_exec_runtime\s*:\s*([\d.]+)/m.exec(sched)?.[1];
  return found === undefined ? null : Number(found);
}

/**
 * CPU time of the living threads of one process, with a finer resolution than the kernel's usual hundredths: differences of a
 * few percent within a second need it.
 */
export function fineCpuSeconds(pid: number): number {
  const threads = readThreads(pid).map((id) => parseRuntime(read(`/proc/${pid}/task/${id}/sched`) ?? ''));
  if (threads.some((ms) => ms === null)) return parseStat(read(`/proc/${pid}/stat`) ?? '').cpuSeconds;
  return sumOf(threads.map((ms) => ms ?? 0)) / 1000;
}

/** The same for the root and all its living descendants. */
export function fineCpuSecondsOf(root: number): number {
  return sumOf(pidsBelow(root).map(fineCpuSeconds));
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

/** Busy time of all CPUs since the machine started. */
export function machineBusySeconds(): number {
  return parseBusySeconds(read('/proc/stat') ?? '');
}
