// Bytes → lines, whatever the bytes are: of a line that is longer than any of bal's only the beginning is kept.

/** The longest record that bal writes is far below it. */
export const MAX_LINE = 1024 * 1024;
const LINE_FEED = 10;

export interface Line {
  readonly text: string;
  /** Bytes of it that were not kept. */
  readonly left: number;
}

export interface Splitter {
  /** The lines that end in it. The bytes are the caller's again afterwards. */
  push(chunk: Buffer): Line[];
  /** What has come of a line that has not ended; it is forgotten. */
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
