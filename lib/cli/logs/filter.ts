// Which lines of the log are wanted, told by how they begin: timestamp and level are the first keys of each.

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof LEVELS)[number];

export interface Wanted {
  /** This one and what is worse; null: all, also what is no record. */
  readonly level: Level | null;
  /** As Date.now() has it; null: from the beginning. */
  readonly since: number | null;
}

/** So many bytes of a line tell. */
export const HEAD_BYTES = 128;
/** Records of workers come a little after those of the primary. */
const DISORDER_MS = 60_000;

const HEAD = /^\{"timestamp":"([^"]{1,40})","level":"([A-Z]{1,8})"/;

export function isWanted(line: string, { level, since }: Wanted): boolean {
  if (level === null && since === null) return true;
  const [, timestamp = '', its = ''] = HEAD.exec(line) ?? [];
  if (level !== null && LEVELS.findIndex((it) => it.toUpperCase() === its) < LEVELS.indexOf(level)) return false;
  // Of what is no record nobody knows when it was written.
  return since === null || timestamp === '' || !(Date.parse(timestamp) < since);
}

/** Nothing that stands before it is wanted. */
export function isTooOld(line: string, { since }: Wanted): boolean {
  if (since === null) return false;
  const timestamp = HEAD.exec(line)?.[1];
  return timestamp !== undefined && Date.parse(timestamp) < since - DISORDER_MS;
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `10m` (ago), `2026-11-28`, `2026-11-28 09:30`, `2026-11-28T09:30:00Z`, `09:30` (today); null: none of them. Local time, unless it says else. */
export function momentOf(text: string, now = new Date()): number | null {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return now.getTime() - Number(count) * (UNITS[unit] ?? 0);
  const [, hour, minute, second = '0'] = /^(\d\d):(\d\d)(?::(\d\d))?$/.exec(text) ?? [];
  if (hour !== undefined) {
    const [h, m, s] = [Number(hour), Number(minute), Number(second)];
    if (h > 23 || m > 59 || s > 59) return null;
    return new Date(now.getFullYear(), now.getMonth(), now.getDate(), h, m, s).getTime();
  }
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(text)) return null;
  // A mere day is UTC to Date.parse().
  const found = Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'));
  return Number.isNaN(found) ? null : found;
}
