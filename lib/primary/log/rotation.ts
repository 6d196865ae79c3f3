// Rotates the log files (bal.2026-11-27.1.log): a new one each day and whenever one is full, with a limit on old files. Owns the
// choice of the current file.

import { accessSync, closeSync, constants, fstatSync, mkdirSync, openSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { pino } from 'pino';

import { type Destination, opened } from './destination.ts';
import { filesIn, isMissing, type LogFile, nameOf } from './files.ts';
import { dayOf } from './people.ts';

export interface Rotation {
  readonly bytes: number;
  /** Files besides the current one. */
  readonly kept: number;
  /** The size of the buffer in memory. */
  readonly waitingBytes: number;
  readonly now?: () => Date;
}

export interface Rotated {
  readonly destination: Destination;
  /** Switches to the next file when it is due. Call it before each write. */
  turn(): void;
  /** Removes files that are too old. Call it now and then while there is a fault. */
  tidy(): void;
  /** Why there is no next file, or why old ones cannot be removed; null if neither. Neither loses a line. */
  readonly fault: string | null;
}

/** How long to stay with a full file when the next one cannot be opened. */
const RETRY_MS = 2000;

/** Continues today's newest file. Rejects if the directory or the file is not writable. */
export async function openRotated(
  dir: string,
  { bytes, kept, waitingBytes, now = () => new Date() }: Rotation,
): Promise<Rotated> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  accessSync(dir, constants.W_OK | constants.X_OK);
  const today = dayOf(now());
  const numbers = (await filesIn(dir)).filter(({ day }) => day === today).map(({ number }) => number);
  let current = { day: today, number: Math.max(1, ...numbers) };
  let dayEnds = midnightAfter(now());
  let size = 0;
  let retryAt = 0;
  const faults: { next: string | null; old: string | null } = { next: null, old: null };

  const destination = pino.destination({
    dest: join(dir, nameOf(current)),
    mode: 0o600,
    sync: false,
    maxLength: waitingBytes,
    contentMode: 'buffer',
  }) as unknown as Destination;
  // pino calls flushSync() when the process ends, and it retries a full disk forever. The sink's close() has written what it can.
  destination.flushSync = () => undefined;
  destination.on('ready', settle);
  destination.on('write', (count) => {
    size += Number(count);
  });
  await opened(destination);

  /** Runs whenever a file is opened. After logrotate or a removal it may be another file. */
  function settle(): void {
    size = fstatSync(destination.fd).size;
    tidy();
  }

  function tidy(): void {
    removeOld().then(
      () => (faults.old = null),
      (error: unknown) => (faults.old = `old files cannot be removed: ${messageOf(error)}`),
    );
  }

  async function removeOld(): Promise<void> {
    const found = (await filesIn(dir)).filter((file) => nameOf(file) !== nameOf(current));
    // Files of days to come were written while the clock was ahead, so before all others.
    const isAhead = ({ day }: LogFile): boolean => day > current.day;
    const others = [...found.filter(isAhead), ...found.filter((file) => !isAhead(file))];
    const old = others.slice(0, Math.max(0, others.length - kept));
    await Promise.all(old.map((file) => removeIfThere(join(dir, nameOf(file)))));
  }

  return {
    destination,
    tidy,
    turn() {
      const at = now();
      if ((size < bytes && at.getTime() < dayEnds) || at.getTime() < retryAt) return;
      const day = dayOf(at);
      const next = { day, number: day === current.day ? current.number + 1 : 1 };
      const path = join(dir, nameOf(next));
      try {
        // Try to open it beforehand: after a failed reopen(), sonic-boom closes the old descriptor twice with the next one.
        closeSync(openSync(path, 'a', 0o600));
      } catch (error) {
        faults.next = `the next file cannot be opened: ${messageOf(error)}`;
        retryAt = at.getTime() + RETRY_MS;
        return;
      }
      faults.next = null;
      current = next;
      dayEnds = midnightAfter(at);
      size = 0;
      destination.reopen(path);
    },
    get fault() {
      return faults.next ?? faults.old;
    },
  };
}

/** Parses a size such as `50m` into bytes; units k, m, g or b, default m. 0 means no limit. Throws if it is not a size. */
export function sizeOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([bkmg]?)$/i.exec(text);
  if (match === null) throw new Error(`Cannot rotate the log: "${text}" (BAL_LOG_SIZE) is no size such as 50m`);
  const unit = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]?.toLowerCase() ?? ''] ?? 1024 ** 2;
  const bytes = Number(match[1]) * unit;
  return bytes === 0 ? Infinity : bytes;
}

async function removeIfThere(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function midnightAfter(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
