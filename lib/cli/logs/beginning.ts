// Where to begin so that the last lines that are wanted come out: the files are read backwards, a piece at a time.
import type { FileHandle } from 'node:fs/promises';
import { HEAD_BYTES, isTooOld, isWanted, type Wanted } from './filter.ts';

const PIECE = 64 * 1024;
const LINE_FEED = 10;

/** How far a file has been looked at. */
export interface Looked {
  /** Of the first line that is wanted, of those that were asked for; null: there is none. */
  readonly offset: number | null;
  readonly size: number;
  /** Lines that are still to be found in files before this one. */
  readonly missing: number;
  /** Nothing in files before this one is wanted. */
  readonly isOver: boolean;
}

/** `count`: as many lines, from the end. */
export async function beginningIn(file: FileHandle, wanted: Wanted, count: number): Promise<Looked> {
  const { size } = await file.stat();
  let offset: number | null = null;
  let missing = count;
  /** What comes after the piece that is looked at. */
  let after = Buffer.alloc(0);

  /** Whether that was enough. */
  function look(start: number, head: Buffer): boolean {
    if (start === size || missing === 0) return missing === 0;
    const end = head.indexOf(LINE_FEED);
    const text = head.subarray(0, end === -1 ? head.length : end).toString();
    if (isTooOld(text, wanted)) return true;
    if (!isWanted(text, wanted)) return false;
    offset = start;
    missing--;
    return missing === 0;
  }

  for (let end = size; end > 0;) {
    const from = Math.max(0, end - PIECE);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(end - from), 0, end - from, from);
    // It was truncated meanwhile.
    if (bytesRead < end - from) return { offset: 0, size, missing: 0, isOver: true };
    const piece = Buffer.concat([buffer, after]);
    for (
      let at = buffer.lastIndexOf(LINE_FEED);
      at !== -1;
      at = at === 0 ? -1 : buffer.lastIndexOf(LINE_FEED, at - 1)
    ) {
      if (look(from + at + 1, piece.subarray(at + 1, at + 1 + HEAD_BYTES)))
        return { offset, size, missing, isOver: true };
    }
    if (from === 0 && look(0, piece.subarray(0, HEAD_BYTES))) return { offset, size, missing, isOver: true };
    after = piece.subarray(0, HEAD_BYTES);
    end = from;
  }
  return { offset, size, missing, isOver: missing === 0 };
}
