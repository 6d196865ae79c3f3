// Two histograms per service, as counters: the time to connect, and the duration of connections.

/** Upper bounds in seconds. One more bucket takes everything above. */
export const CONNECT_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;
export const DURATION_BOUNDS = [0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200, 43_200] as const;

/** The counters of a histogram called `name`: a bucket for each bound, the rest, and the sum in seconds. */
export function histogramFields<const N extends string, const B extends readonly number[]>(
  name: N,
  bounds: B,
): readonly (`${N}_le_${B[number]}` | `${N}_le_inf` | `${N}_sum`)[] {
  const buckets = bounds.map((bound: B[number]) => `${name}_le_${bound}` as const);
  return [...buckets, `${name}_le_inf`, `${name}_sum`];
}

/** The bucket of `seconds`: an index into the fields. */
export function bucketOf(bounds: readonly number[], seconds: number): number {
  let i = 0;
  while (i < bounds.length && seconds > (bounds[i] ?? Infinity)) i++;
  return i;
}
