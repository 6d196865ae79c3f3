// Finds where the last wanted lines begin. Reads the files backwards in pieces.
import type { FileHandle } from 'node:fs/promises';
import { HEAD_BYTES, isTooOld, isWanted, type Wanted } from './filter.ts';

const PIECE = 64 * 1024;
const LINE_FEED = 10;

/** The result for one file. */
export interface Looked {
  /** Of the first wanted line within the count; null if there is none. */
  readonly offset: number | null;
  readonly size: number;
  /** Lines still to be found in earlier files. */
  readonly missing: number;
  /** Earlier files need not be searched. */
  readonly isOver: boolean;
}

/** `count`: number of lines, from the end. */
export async function beginningIn(file: FileHandle, wanted: Wanted, count: number): Promise<Looked> {
  const { size } = await file.stat();
  let offset: number | null = null;
  let missing = count;
  /** The beginning of the text after the current piece. */
  let after = Buffer.alloc(0);

  /** Returns true when the search is over. */
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
    // Truncated since stat.
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
