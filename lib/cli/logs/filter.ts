// Filters lines of the log by their beginning: timestamp and level are the first keys of each record.

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof LEVELS)[number];

export interface Wanted {
  /** This level and worse; null: all lines, even those that are no record. */
  readonly level: Level | null;
  /** As Date.now() returns it; null: from the beginning. */
  readonly since: number | null;
}

/** These bytes of a line suffice. */
export const HEAD_BYTES = 128;
/** Records of workers may come a little later than those of the primary. */
const DISORDER_MS = 60_000;

const HEAD = /^\{"timestamp":"([^"]{1,40})","level":"([A-Z]{1,8})"/;

export function isWanted(line: string, { level, since }: Wanted): boolean {
  if (level === null && since === null) return true;
  const [, timestamp = '', its = ''] = HEAD.exec(line) ?? [];
  if (level !== null && LEVELS.findIndex((it) => it.toUpperCase() === its) < LEVELS.indexOf(level)) return false;
  // The time of a line that is no record is unknown.
  return since === null || timestamp === '' || !(Date.parse(timestamp) < since);
}

/** Whether all earlier lines are too old as well. */
export function isTooOld(line: string, { since }: Wanted): boolean {
  if (since === null) return false;
  const timestamp = HEAD.exec(line)?.[1];
  return timestamp !== undefined && Date.parse(timestamp) < since - DISORDER_MS;
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Parses `10m` (ago), `2026-11-28`, `2026-11-28 09:30`, `2026-11-28T09:30:00Z` or `09:30` (today); null otherwise. Local time
 * unless it has a zone.
 */
export function momentOf(text: string, now = new Date()): number | null {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return now.getTime() - Number(count) * (UNITS[unit] ?? 0);
  const [, hour, minute, second = '0'] = /^(\d\d):(\d\d)(?::(\d\d))?$/.exec(text) ?? [];
  if (hour !== undefined) {
    const [h, m, s] = [Number(hour), Number(minute), Number(second)];
    if (h > 23 || m > 59 || s > 59) return null;
    return new Date(now.getFullYear(), now.getMonth(), now.getDate(), h, m, s).getTime();
  }
  const match = /^(\d{4})-(\d\d)-(\d\d)([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.exec(text);
  if (match === null) return null;
  const [, year, month, day] = match.map(Number);
  // Date.parse() takes 31 February as 3 March.
  if (new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day)).getUTCDate() !== day) return null;
  // Date.parse() takes a plain date as UTC.
  const found = Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'));
  return Number.isNaN(found) ? null : found;
}
