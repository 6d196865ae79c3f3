// Parses durations such as 30s, 5m, 500ms, 1.5h and 7d, for keys in milliseconds.

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Returns null if the text is no duration or not a whole number of milliseconds. */
export function durationMs(text: string): number | null {
  const [, value, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (value === undefined || unit === undefined) return null;
  // Round before multiplying by the unit, so that 0.3s is 300.
  const ms = (Math.round(Number(value) * 1000) * (UNITS[unit] ?? 0)) / 1000;
  return Number.isInteger(ms) ? ms : null;
}
