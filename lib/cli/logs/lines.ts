// Splits arbitrary bytes into lines. Keeps only the beginning of a line that is longer than any of bal's.

/** Far above the longest record that bal writes. */
export const MAX_LINE = 1024 * 1024;
const LINE_FEED = 10;

export interface Line {
  readonly text: string;
  /** Number of dropped bytes. */
  readonly left: number;
}

export interface Splitter {
  /** Returns the lines that end in `chunk`. The caller may reuse its bytes. */
  push(chunk: Buffer): Line[];
  /** Returns and forgets the unfinished line. */
  rest(): Line | null;
}

export function createSplitter(most = MAX_LINE): Splitter {
  let parts: Buffer[] = [];
  let kept = 0;
  let left = 0;

  function keep(bytes: Buffer): void {
    const part = bytes.subarray(0, Math.max(0, most - kept));
    left += bytes.length - part.length;
    kept += part.length;
    if (part.length > 0) parts.push(Buffer.from(part));
  }

  function take(): Line {
    const line = { text: Buffer.concat(parts).toString(), left };
    parts = [];
    kept = 0;
    left = 0;
    return line;
  }

  return {
    push(chunk) {
      const lines: Line[] = [];
      let from = 0;
      for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
        keep(chunk.subarray(from, end));
        lines.push(take());
        from = end + 1;
      }
      keep(chunk.subarray(from));
      return lines;
    },
    rest: () => (kept + left === 0 ? null : take()),
  };
}
