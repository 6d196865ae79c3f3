// The memory that bytes pass through. Every socket of an engine starts out reading into one shared buffer, and what was
// read is copied into the scratch buffer to be written from there. Nearly always the kernel takes it at once and the
// scratch is free again; when it does not, the scratch stays with that write until the kernel has taken the rest, and
// the engine goes on with another. So an idle connection holds no buffer at all, and a stalled one 64 KiB, or 256 KiB
// as a stream.
//
// A copy is cheap for messages and dear for streams (30 % of the CPU of a bulk transfer), so a socket that fills the
// shared buffer gets one of its own to read into, as long as there are any, and keeps it while it needs as much. That
// one is larger, for the more a read takes the fewer of them there are: with 256 KiB a GB costs 0.72 of haproxy's CPU
// for one stream and 0.43 for sixteen, with 64 KiB 0.85 and 0.78.

const SIZE = 64 * 1024;
const OWN_SIZE = 256 * 1024;
/** Below this, a read could as well have gone through the shared buffer. */
const SMALL = SIZE / 4;
/** How many sockets at a time may have a buffer of their own: 32 MiB in all. */
const OWN = 128;
/** How many free buffers of each kind are kept for the next stalls and streams: 2 MiB each. */
const SPARE = 32;
const SPARE_OWN = 8;

type Memory = Buffer<ArrayBuffer>;

export class Buffers {
  readonly #shared = Buffer.allocUnsafeSlow(SIZE);
  #scratch = Buffer.allocUnsafeSlow(SIZE);
  // The first bytes of both, as many as last time: messages often come in one size, and a view costs as much as a copy.
  #from: Uint8Array = this.#shared;
  #to: Uint8Array = this.#scratch;
  readonly #spare: Memory[] = [];
  readonly #spareOwn: Memory[] = [];
  #owned = 0;
  #next: Memory = this.#shared;

  /**
   * For net.Socket, which asks once before it reads for the first time and then after each callback, what to read into
   * next. One function for all sockets, because they ask right after they have called.
   */
  readonly choose = (): Memory => {
    const chosen = this.#next;
    this.#next = this.#shared;
    return chosen;
  };

  /** What a socket has just read, to be written: from its own buffer, or a copy that is valid until the next call. */
  read(own: Memory | null, count: number): Uint8Array {
    if (own !== null) return count === own.length ? own : own.subarray(0, count);
    if (count !== this.#to.length) {
      this.#from = this.#shared.subarray(0, count);
      this.#to = this.#scratch.subarray(0, count);
    }
    this.#to.set(this.#from);
    return this.#to;
  }

  /** The copy that read() made is needed for longer: gives its buffer away, to come back with giveBack(). */
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

  /** The buffer of its own that a socket reads into next, after it has read `count` bytes; null for the shared one. */
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
