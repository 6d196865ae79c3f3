// Computes medians with their spread from samples, and ratios within a round.
import type { MetricName } from './cases.ts';

/** One run of one case on one proxy. */
export interface Sample {
  readonly case: string;
  readonly proxy: string;
  readonly round: number;
  readonly values: Readonly<Partial<Record<MetricName, number>>>;
  /** Connections and exchanges that failed, by kind. */
  readonly failures: Readonly<Record<string, number>>;
  readonly wrongBytes: number;
  /** Share of the machine's CPU, 0–1, that other programs used during the run. */
  readonly foreign: number;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** Null: no values. */
export function spread(values: readonly number[]): Spread | null {
  const sorted = values.toSorted((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.ceil((sorted.length - 1) / 2)];
  const [min] = sorted;
  const max = sorted.at(-1);
  if (low === undefined || high === undefined || min === undefined || max === undefined) return null;
  return { median: (low + high) / 2, min, max, count: sorted.length };
}

/** Slopes between all pairs of values. Their median is robust against outliers (Theil and Sen). */
export function slopes(values: readonly number[]): number[] {
  return values.flatMap((later, j) => values.slice(0, j).map((earlier, i) => (later - earlier) / (j - i)));
}

function valuesByRound(
  samples: readonly Sample[],
  name: string,
  proxy: string,
  metric: MetricName,
): Map<number, number> {
  const byRound = new Map<number, number>();
  for (const sample of samples) {
    const value = sample.values[metric];
    if (sample.case === name && sample.proxy === proxy && value !== undefined) byRound.set(sample.round, value);
  }
  return byRound;
}

export function valueOf(samples: readonly Sample[], name: string, proxy: string, metric: MetricName): Spread | null {
  return spread([...valuesByRound(samples, name, proxy, metric).values()]);
}

/** Each round's value relative to `base` in the same round: both ran close together, on the same state of the machine. */
export function ratioOf(
  samples: readonly Sample[],
  name: string,
  proxy: string,
  metric: MetricName,
  base: string,
): Spread | null {
  const bases = valuesByRound(samples, name, base, metric);
  const ratios = Array.from(valuesByRound(samples, name, proxy, metric), ([round, value]) => {
    const divisor = bases.get(round);
    return divisor === undefined || divisor <= 0 ? null : value / divisor;
  });
  return spread(ratios.filter((ratio) => ratio !== null));
}
