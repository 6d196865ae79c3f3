// The log format for journald: each line begins with its priority, which journald strips (sd-daemon(3), systemd.exec(5)), so that
// `journalctl -p warning` works.
import { fstatSync } from 'node:fs';

const PRIORITIES: Readonly<Record<string, number>> = { ERROR: 3, WARN: 4, INFO: 6, DEBUG: 7 };

/** Whether the descriptor is the stream that JOURNAL_STREAM names. A service may have redirected its output. */
export function isJournal(fd: number, environment: NodeJS.ProcessEnv = process.env): boolean {
  const [device, inode] = (environment['JOURNAL_STREAM'] ?? '').split(':');
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return device === String(dev) && inode === String(ino);
  } catch {
    return false;
  }
}

/** Adds the priorities to log lines, which begin with time and level. */
export function journalText(lines: string): string {
  return lines.replaceAll(/[^\n]+/g, (line) => {
    const level = /^\{"timestamp":"[^"]*","level":"([A-Z]+)"/.exec(line)?.[1];
    return `<${PRIORITIES[level ?? ''] ?? PRIORITIES['INFO']}>${line}`;
  });
}
