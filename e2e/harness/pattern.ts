// Bytes that can be checked without keeping them: the byte at every offset of a stream follows from its seed, so a lost,
// doubled, swapped or foreign byte shows up wherever it arrives.
import { Buffer } from 'node:buffer';

// A prime length, so that no power-of-two buffer size anywhere lines up with the pattern.
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
/** Long enough that a slice of up to 256 KiB is one view, from any starting point. */
const REPEATED = Buffer.concat(Array.from({ length: 6 }, () => ONCE));
export const LONGEST_SLICE = REPEATED.length - PERIOD;

/** `length` (at most LONGEST_SLICE) bytes of the stream of `seed` from `offset` on. A view: must not be changed. */
export function patternAt(seed: number, offset: number, length: number): Buffer {
  const start = (offset + seed * 7919) % PERIOD;
  return REPEATED.subarray(start, start + Math.min(length, LONGEST_SLICE));
}

/** A whole piece of the stream of `seed`, from its beginning. */
export function pattern(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let offset = 0; offset < length; offset += LONGEST_SLICE) {
    patternAt(seed, offset, length - offset).copy(bytes, offset);
  }
  return bytes;
}

/** Takes the chunks of a stream as they come and remembers where the first wrong byte was. */
export class PatternCheck {
  received = 0;
  /** Offset of the first byte that is not the stream's; null while all is right. */
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
