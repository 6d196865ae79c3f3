// The machine and conditions of a trial.
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { version } from '../version.ts';

export interface Conditions {
  readonly bal: string;
  readonly engine: string | null;
  readonly node: string;
  readonly cpu: string;
  /** Available to this process. */
  readonly cores: number;
  readonly memory_bytes: number;
  readonly kernel: string;
  /** Over the minute before the start. */
  readonly load_average: number;
}

/** Collected before the start; the engine is known later. */
export function conditions(): Omit<Conditions, 'engine'> {
  return {
    bal: version,
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_bytes: totalmem(),
    kernel: `${type()} ${release()} ${arch()}`,
    load_average: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

export function conditionsText(it: Conditions): string {
  const gib = Math.round(it.memory_bytes / 2 ** 30);
  return `bal ${it.bal}, engine ${it.engine ?? '?'}, Node.js ${it.node}; ${it.cpu}, ${it.cores} cores, ${gib} GiB, ${it.kernel}; load before ${it.load_average}`;
}
