// Reads the log forwards over its rotated files, and follows what is written later: in the same file, in the next one, in one
// that replaced it (logrotate), or after truncation.
import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { byAge, filesIn, isMissing, nameOf, type LogFile } from '../../primary/log/files.ts';
import { beginningIn } from './beginning.ts';
import type { Wanted } from './filter.ts';
import { createSplitter, type Line } from './lines.ts';

const PIECE = 64 * 1024;
/** Polling interval. */
const LOOK_MS = 250;

export interface Place {
  readonly log: LogFile;
  readonly offset: number;
}

interface Opened {
  readonly log: LogFile;
  readonly file: FileHandle;
  offset: number;
}

/** Null if it is gone or is no regular file. */
async function openFile(dir: string, log: LogFile): Promise<FileHandle | null> {
  try {
    // Without O_NONBLOCK a FIFO in its place would block the command.
    const file = await open(join(dir, nameOf(log)), constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    return null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Returns null if there is no log. Rejects if it may not be read. */
export async function beginning(dir: string, wanted: Wanted, count: number): Promise<Place | null> {
  let place: Place | null = null;
  let missing = count;
  for (const log of (await filesIn(dir)).toReversed()) {
    const file = await openFile(dir, log);
    if (file === null) continue;
    try {
      const looked = await beginningIn(file, wanted, missing);
      if (looked.offset !== null) place = { log, offset: looked.offset };
      else place ??= { log, offset: looked.size };
      missing = looked.missing;
      if (looked.isOver) break;
    } finally {
      await file.close();
    }
  }
  return place;
}

/**
 * Passes each line from `place` on to `take`. Ends when `end` is aborted, or at the end of the log unless it is followed.
 * Rejects if a file may not be read.
 */
export async function readFrom(
  dir: string,
  place: Place | null,
  take: (line: Line) => void,
  end: AbortSignal,
  isFollowed: boolean,
): Promise<void> {
  const splitter = createSplitter();
  const piece = Buffer.alloc(PIECE);
  const at: { opened: Opened | null } = { opened: null };
  const isOver = (): boolean => end.aborted;

  async function goTo(log: LogFile, offset = 0): Promise<boolean> {
    const file = await openFile(dir, log);
    if (file === null) return false;
    try {
      // Read what was written before the old file was left.
      await readOn();
      await leave();
    } catch (error) {
      await file.close();
      throw error;
    }
    at.opened = { log, file, offset };
    return true;
  }

  async function leave(): Promise<void> {
    // An unfinished last line will not be finished any more.
    const rest = splitter.rest();
    if (rest !== null && !isOver()) take(rest);
    await at.opened?.file.close();
    at.opened = null;
  }

  /** Reads to the end of the file. */
  async function readOn(): Promise<void> {
    const { opened } = at;
    while (opened !== null && !isOver()) {
      const { bytesRead } = await opened.file.read(piece, 0, PIECE, opened.offset);
      if (bytesRead === 0) return;
      opened.offset += bytesRead;
      for (const line of splitter.push(piece.subarray(0, bytesRead))) take(line);
    }
  }

  /** Switches to another file or position. Returns whether there is something to read. */
  async function turn(): Promise<boolean> {
    const files = await filesIn(dir);
    const { opened } = at;
    const isGone = opened !== null && (await isOther(opened));
    if (opened !== null && isGone && (await goTo(opened.log))) return true;
    for (const log of files) if ((opened === null || byAge(log, opened.log) > 0) && (await goTo(log))) return true;
    const last = files.at(-1);
    // All were removed, and numbering started over.
    if (opened !== null && isGone && last !== undefined && byAge(last, opened.log) < 0) return goTo(last);
    if (opened === null || (await opened.file.stat()).size >= opened.offset) return false;
    // Truncated.
    splitter.rest();
    opened.offset = 0;
    return true;
  }

  /** Whether another file, or none, has its name now. */
  async function isOther({ log, file }: Opened): Promise<boolean> {
    const now = await stat(join(dir, nameOf(log))).catch(() => null);
    const own = await file.stat();
    return now === null || now.ino !== own.ino || now.dev !== own.dev;
  }

  try {
    if (place !== null) await goTo(place.log, place.offset);
    while (!isOver()) {
      await readOn();
      if (await turn()) continue;
      if (!isFollowed) return;
      await sleep(LOOK_MS, undefined, { signal: end }).catch(() => undefined);
    }
  } finally {
    await leave();
  }
}
