// Names and order of the log files (bal.2026-11-27.1.log).

import { readdir } from 'node:fs/promises';

export interface LogFile {
  readonly day: string;
  readonly number: number;
}

export function nameOf({ day, number }: LogFile): string {
  return `bal.${day}.${number}.log`;
}

/** Returns the log files, oldest first; none if the directory is missing. */
export async function filesIn(dir: string): Promise<LogFile[]> {
  const found = (await namesIn(dir)).flatMap((name) => {
    const match = /^bal\.(\d{4}-\d\d-\d\d)\.([1-9]\d*)\.log$/.exec(name);
    return match === null ? [] : [{ day: match[1] ?? '', number: Number(match[2]) }];
  });
  return found.sort(byAge);
}

export function byAge(a: LogFile, b: LogFile): number {
  return a.day === b.day ? a.number - b.number : a.day < b.day ? -1 : 1;
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
