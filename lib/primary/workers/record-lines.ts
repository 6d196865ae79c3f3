// The primary's end of a worker's record pipe. Turns bytes into whole lines, so that lines of different workers never mix.

import type { Readable } from 'node:stream';

import { MAX_RECORD_BYTES } from '../../ipc/records.ts';

const LINE_FEED = 10;
/** The pipe closes with its worker, unless another process has inherited the worker's end. */
const END_MS = 1000;

export interface RecordLines {
  /** Called after the worker's exit. Resolves when everything it wrote has been passed on. */
  end(): Promise<void>;
}

/** `onLines` gets one or more lines, each with its line feed. The unfinished line of a dead worker is dropped. */
export function readRecords(pipe: Readable, onLines: (lines: Buffer) => void): RecordLines {
  /** The beginning of an unfinished line. */
  let rest: Buffer = Buffer.alloc(0);
  /** The unfinished line is longer than any record, so it is dropped. */
  let skipping = false;

  function take(chunk: Buffer): void {
    const last = chunk.lastIndexOf(LINE_FEED);
    if (last === -1) return keep(Buffer.concat([rest, chunk]));
    const begin = skipping ? chunk.indexOf(LINE_FEED) + 1 : 0;
    skipping = false;
    const whole = chunk.subarray(begin, last + 1);
    const lines = rest.length === 0 ? whole : Buffer.concat([rest, whole]);
    if (lines.length > 0) onLines(lines);
    // Copy it: a view would keep the whole chunk alive.
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
