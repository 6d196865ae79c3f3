// Streams of bytes that can be checked without storing them: the byte at each offset follows from the seed, so a lost, repeated,
// swapped or foreign byte shows wherever it arrives.
import { Buffer } from 'node:buffer';

// A prime, so that no power-of-two buffer size lines up with the pattern.
const PERIOD = 65_521;

function period(): Buffer {
  const bytes = Buffer.alloc(PERIOD);
  let state = 0x2545f491;
  for (let i = 0; i < PERIOD; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}

const ONCE = period();
/** Long enough for a slice of up to 256 KiB to be one view, from any offset. */
const REPEATED = Buffer.concat(Array.from({ length: 6 }, () => ONCE));
export const LONGEST_SLICE = REPEATED.length - PERIOD;

/** Returns `length` (at most LONGEST_SLICE) bytes of the stream of `seed` from `offset` on. A view: do not modify. */
export function patternAt(seed: number, offset: number, length: number): Buffer {
  const start = (offset + seed * 7919) % PERIOD;
  return REPEATED.subarray(start, start + Math.min(length, LONGEST_SLICE));
}

/** Returns the first `length` bytes of the stream of `seed`, as a copy. */
export function pattern(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let offset = 0; offset < length; offset += LONGEST_SLICE) {
    patternAt(seed, offset, length - offset).copy(bytes, offset);
  }
  return bytes;
}

/** Checks the chunks of a stream as they arrive, and records the offset of the first wrong byte. */
export class PatternCheck {
  received = 0;
  /** Offset of the first wrong byte; null: none so far. */
  wrongAt: number | null = null;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  take(chunk: Buffer): void {
    for (let done = 0; done < chunk.length && this.wrongAt === null;) {
      const want = patternAt(this.#seed, this.received + done, chunk.length - done);
      const got = chunk.subarray(done, done + want.length);
      if (!want.equals(got)) this.wrongAt = this.received + done + got.findIndex((byte, i) => byte !== want[i]);
      done += want.length;
    }
    this.received += chunk.length;
  }
}
