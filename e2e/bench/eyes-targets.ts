// Limits for the cost of watching bal, and their titles.
import type { EngineName } from '../harness/engines.ts';
import { BIG, type EyesFigures } from './eyes.ts';

export interface EyesTarget {
  readonly figure: Exclude<keyof EyesFigures, 'engine'>;
  readonly title: string;
  readonly must: number;
  readonly unit: string;
}

export const EYES_TARGETS: readonly EyesTarget[] = [
  { figure: 'watched', title: 'CPU per short connection, `admin` on, failures recorded', must: 1.03, unit: '× off' },
  { figure: 'recorded', title: 'CPU per short connection, `log_connections: all`', must: 1.1, unit: '× off' },
  {
    figure: 'scrape',
    title: `\`/metrics\` of ${BIG.backends} backends and ${BIG.workers} workers`,
    must: 20,
    unit: 'ms',
  },
  {
    figure: 'grown',
    title: 'memory that each further 1,000 scrapes add to the primary',
    must: 1,
    unit: 'MiB',
  },
  { figure: 'top', title: '`bal top`, in the primary', must: 1, unit: '% of a core' },
];

export function eyesOf(all: readonly EyesFigures[], engine: EngineName): EyesFigures | null {
  return all.find((figures) => figures.engine === engine) ?? null;
}
