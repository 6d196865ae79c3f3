// The standstill of connections in a handover: from when the giver's engine releases a connection until the taker's engine has it.

/** In ms. */
export interface Standstill {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Null if no connection came, or the giver sent no times. */
export function standstillOf(ms: readonly number[]): Standstill | null {
  const sorted = Float64Array.from(ms).sort();
  const at = (part: number): number => rounded(sorted[Math.ceil(part * sorted.length) - 1] ?? 0);
  return sorted.length === 0 ? null : { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** Validates a value from another process. */
export function isStandstill(value: unknown): value is Standstill {
  if (typeof value !== 'object' || value === null) return false;
  return (['p50', 'p99', 'max'] as const).every((key) => Number.isFinite(Reflect.get(value, key)));
}
