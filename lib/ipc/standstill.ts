// How long connections stood still while they went from one worker to another: from when the engine of the one let go of them until
// that of the other had them.

/** Ms. */
export interface Standstill {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Null: none has come, or whoever gave them did not say when. */
export function standstillOf(ms: readonly number[]): Standstill | null {
  const sorted = Float64Array.from(ms).sort();
  const at = (part: number): number => rounded(sorted[Math.ceil(part * sorted.length) - 1] ?? 0);
  return sorted.length === 0 ? null : { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** It comes from another process. */
export function isStandstill(value: unknown): value is Standstill {
  if (typeof value !== 'object' || value === null) return false;
  return (['p50', 'p99', 'max'] as const).every((key) => Number.isFinite(Reflect.get(value, key)));
}
