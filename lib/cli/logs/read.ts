// Reads the log forwards, over its rotated files in order, and goes on with what is written later: in the same file, in the next
// one, in one that has taken its place (logrotate), or after it was truncated.
import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { byAge, filesIn, isMissing, nameOf, type LogFile } from '../../primary/log/files.ts';
import { beginningIn } from './beginning.ts';
import type { Wanted } from './filter.ts';
import { createSplitter, type Line } from './lines.ts';

const PIECE = 64 * 1024;
/** How often it is looked whether there is more. */
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

/** Null where it is gone, or is no file. */
async function openFile(dir: string, log: LogFile): Promise<FileHandle | null> {
  try {
    // Else a FIFO in its place would hold the command up.
    const file = await open(join(dir, nameOf(log)), constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    return null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Null: there is no log. Rejects where it may not be read. */
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
 * Gives each line to `take`, from `place` on. Ends when `end` is aborted, and with the log unless it is followed. Rejects where a file may
 * not be read.
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
    // What was written before it was left.
    await readOn();
    await leave();
    at.opened = { log, file, offset };
    return true;
  }

  async function leave(): Promise<void> {
    // A line that has not ended will not end any more.
    const rest = splitter.rest();
    if (rest !== null && !isOver()) take(rest);
    await at.opened?.file.close();
    at.opened = null;
  }

  /** All that is there. */
  async function readOn(): Promise<void> {
    const { opened } = at;
    while (opened !== null && !isOver()) {
      const { bytesRead } = await opened.file.read(piece, 0, PIECE, opened.offset);
      if (bytesRead === 0) return;
      opened.offset += bytesRead;
      for (const line of splitter.push(piece.subarray(0, bytesRead))) take(line);
    }
  }

  /** Whether there is another file to be read now. */
  async function turn(): Promise<boolean> {
    const files = await filesIn(dir);
    const { opened } = at;
    const isGone = opened !== null && (await isOther(opened));
    if (opened !== null && isGone && (await goTo(opened.log))) return true;
    for (const log of files) if ((opened === null || byAge(log, opened.log) > 0) && (await goTo(log))) return true;
    const last = files.at(-1);
    // All were removed, and it was begun anew.
    if (opened !== null && isGone && last !== undefined && byAge(last, opened.log) < 0) return goTo(last);
    if (opened === null || (await opened.file.stat()).size >= opened.offset) return false;
    // It was truncated.
    splitter.rest();
    opened.offset = 0;
    return true;
  }

  /** Whether another file, or none, has its name. */
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
