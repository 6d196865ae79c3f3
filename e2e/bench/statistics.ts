// Samples → medians with their spread, and ratios of runs of the same round.
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
  /** What programs that are no part of the run took of the machine's CPU meanwhile, 0–1. */
  readonly foreign: number;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** Null of nothing. */
export function spread(values: readonly number[]): Spread | null {
  const sorted = values.toSorted((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.ceil((sorted.length - 1) / 2)];
  const [min] = sorted;
  const max = sorted.at(-1);
  if (low === undefined || high === undefined || min === undefined || max === undefined) return null;
  return { median: (low + high) / 2, min, max, count: sorted.length };
}

/** What a step adds, as each two of the values have it. Their median is hardly moved by values that go up and down (Theil and Sen). */
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

/** Each round's value over that of `base` in the same round: the two ran close together, so the machine was the same. */
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
