// Times as people write them, where the configuration wants milliseconds: 30s, 5m, 500ms, 1.5h, 7d.

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Null: it is no such text, or no whole number of milliseconds. */
export function durationMs(text: string): number | null {
  const [, value, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (value === undefined || unit === undefined) return null;
  // Not a product of fractions, so that 0.3s is 300.
  const ms = (Math.round(Number(value) * 1000) * (UNITS[unit] ?? 0)) / 1000;
  return Number.isInteger(ms) ? ms : null;
}
