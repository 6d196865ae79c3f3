// Reads the records of an instance's log, from its output or its files.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface LogRecord {
  readonly timestamp: string;
  readonly level: string;
  readonly message: string;
  readonly module: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Returns the complete lines that are JSON objects; anything else (a crash trace, a half-written line) is skipped. */
export function recordsIn(text: string): LogRecord[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      const record: LogRecord = JSON.parse(line);
      return [record];
    } catch {
      return [];
    }
  });
}

/** Returns the log files in a folder, oldest first, without links (one may point at the current file). */
export function logFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && /^bal.*\.log$/.test(entry.name))
      .map((entry) => join(folder, entry.name))
      .map((file) => ({ file, at: statSync(file).mtimeMs }))
      .sort((a, b) => a.at - b.at)
      .map(({ file }) => file);
  } catch {
    return [];
  }
}

export function recordsBelow(folder: string): LogRecord[] {
  return logFiles(folder).flatMap((file) => recordsIn(readFileSync(file, 'utf8')));
}
