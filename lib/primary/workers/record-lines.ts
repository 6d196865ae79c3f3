// The primary's end of a worker's record pipe: bytes in, whole lines out, so that lines of several workers never mix.

import type { Readable } from 'node:stream';

import { MAX_RECORD_BYTES } from '../../ipc/records.ts';

const LINE_FEED = 10;
/** A worker's end closes with it, unless the worker gave it to somebody else. */
const END_MS = 1000;

export interface RecordLines {
  /** After the worker's exit: settles when all that it wrote has been told. */
  end(): Promise<void>;
}

/** `onLines` gets one line or more, each with its line feed. What a worker wrote of a line when it died is left out. */
export function readRecords(pipe: Readable, onLines: (lines: Buffer) => void): RecordLines {
  /** The beginning of a line that is not complete. */
  let rest: Buffer = Buffer.alloc(0);
  /** The line is longer than any record: nothing of it is kept. */
  let skipping = false;

  function take(chunk: Buffer): void {
    const last = chunk.lastIndexOf(LINE_FEED);
    if (last === -1) return keep(Buffer.concat([rest, chunk]));
    const begin = skipping ? chunk.indexOf(LINE_FEED) + 1 : 0;
    skipping = false;
    const whole = chunk.subarray(begin, last + 1);
    const lines = rest.length === 0 ? whole : Buffer.concat([rest, whole]);
    if (lines.length > 0) onLines(lines);
    // Copied: a view would hold the whole chunk.
    keep(Buffer.from(chunk.subarray(last + 1)));
  }

  function keep(beginning: Buffer): void {
    skipping ||= beginning.length > MAX_RECORD_BYTES;
    rest = skipping ? Buffer.alloc(0) : beginning;
  }

  const closed = new Promise<void>((resolve) => pipe.once('close', resolve));
  pipe.on('data', take);
  pipe.on('error', () => pipe.destroy());
  return {
    async end() {
      const late = setTimeout(() => pipe.destroy(), END_MS);
      await closed;
      clearTimeout(late);
    },
  };
}
