// The memory that bytes pass through. Every socket of an engine reads into one shared buffer, and what was read is
// copied into the scratch buffer to be written from there. Nearly always the kernel takes it at once and the scratch is
// free again; when it does not, the scratch stays with that write until the kernel has taken the rest, and the engine
// goes on with another. So an idle connection holds no buffer at all and a stalled one 64 KiB.

const SIZE = 64 * 1024;
/** Kept for the next stall; further ones are left to the garbage collector. */
const SPARE = 64;

export class Buffers {
  /** Where every socket reads into. */
  readonly shared = Buffer.allocUnsafeSlow(SIZE);
  readonly #spare: Buffer<ArrayBuffer>[] = [];
  #scratch = Buffer.allocUnsafeSlow(SIZE);

  /** A copy of the first `count` bytes read, valid until the next call, or longer if lent. */
  copy(read: Uint8Array, count: number): Buffer {
    const scratch = this.#scratch;
    scratch.set(count === read.length ? read : read.subarray(0, count));
    return scratch.subarray(0, count);
  }

  /** The last copy is still needed: gives its buffer away, to come back with giveBack(). */
  lend(): Buffer<ArrayBuffer> {
    const lent = this.#scratch;
    this.#scratch = this.#spare.pop() ?? Buffer.allocUnsafeSlow(SIZE);
    return lent;
  }

  giveBack(lent: Buffer<ArrayBuffer>): void {
    if (this.#spare.length < SPARE) this.#spare.push(lent);
  }
}
