// The memory that bytes pass through. Every socket of an engine first reads into one shared buffer. The bytes are
// copied into the scratch buffer and written from there. Nearly always the kernel takes them at once and the scratch is
// free again. Otherwise the scratch stays with that write until the kernel has taken the rest, and the engine uses
// another one. So an idle connection holds no buffer, and a stalled one holds 64 KiB, or 256 KiB as a stream.
//
// A copy is cheap for messages and expensive for streams (30 % of the CPU of a bulk transfer). So a socket that fills
// the shared buffer gets a read buffer of its own, while there are any, and keeps it as long as it reads that much.
// This one is larger, because larger reads are fewer: with 256 KiB a GB costs 0.72 of haproxy's CPU for one stream and
// 0.43 for sixteen, with 64 KiB 0.85 and 0.78.

const SIZE = 64 * 1024;
const OWN_SIZE = 256 * 1024;
/** A read of less than this could just as well use the shared buffer. */
const SMALL = SIZE / 4;
/** How many sockets may have a buffer of their own at a time: 32 MiB in all. */
const OWN = 128;
/** How many free buffers of each kind are kept for later stalls and streams: 2 MiB each. */
const SPARE = 32;
const SPARE_OWN = 8;

type Memory = Buffer<ArrayBuffer>;

export class Buffers {
  readonly #shared = Buffer.allocUnsafeSlow(SIZE);
  #scratch = Buffer.allocUnsafeSlow(SIZE);
  // Views of the last size used: messages often have the same size, and creating a view costs as much as a copy.
  #from: Uint8Array = this.#shared;
  #to: Uint8Array = this.#scratch;
  readonly #spare: Memory[] = [];
  readonly #spareOwn: Memory[] = [];
  #owned = 0;
  #next: Memory = this.#shared;

  /**
   * net.Socket calls this before its first read and then after each callback to get the next read buffer. One
   * function serves all sockets, because they ask right after their callback.
   */
  readonly choose = (): Memory => {
    const chosen = this.#next;
    this.#next = this.#shared;
    return chosen;
  };

  /** The bytes that a socket has just read: in its own buffer, or a copy that is valid until the next call. */
  read(own: Memory | null, count: number): Uint8Array {
    if (own !== null) return count === own.length ? own : own.subarray(0, count);
    if (count !== this.#to.length) {
      this.#from = this.#shared.subarray(0, count);
      this.#to = this.#scratch.subarray(0, count);
    }
    this.#to.set(this.#from);
    return this.#to;
  }

  /** Gives away the buffer with read()'s copy, which is needed longer. Return it with giveBack(). */
  lend(): Memory {
    const lent = this.#scratch;
    this.#scratch = this.#spare.pop() ?? Buffer.allocUnsafeSlow(SIZE);
    this.#from = this.#shared;
    this.#to = this.#scratch;
    return lent;
  }

  giveBack(lent: Memory): void {
    if (this.#spare.length < SPARE) this.#spare.push(lent);
  }

  /** The buffer of its own that a socket reads into after a read of `count` bytes; null for the shared one. */
  next(own: Memory | null, count: number, inUse: boolean): Memory | null {
    let chosen = own;
    if (own === null) {
      if (count === SIZE && this.#owned < OWN) {
        chosen = this.#spareOwn.pop() ?? Buffer.allocUnsafeSlow(OWN_SIZE);
        this.#owned++;
      }
    } else if (count < SMALL && !inUse) {
      this.disown(own);
      chosen = null;
    }
    if (chosen !== null) this.#next = chosen;
    return chosen;
  }

  disown(own: Memory): void {
    this.#owned--;
    if (this.#spareOwn.length < SPARE_OWN) this.#spareOwn.push(own);
  }
}
