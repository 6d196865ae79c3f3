// A net.Socket of which only the lower half is used: reading into a buffer of ours, writing, connecting, closing. The
// stream above it (its queues, its events, a nextTick for each write) would cost as much again as the sockets
// themselves, and a relay has no use for it: it never has more than one write under way and stops reading meanwhile.
//
// net.Socket itself tells its stream what happens through push(null) (the other side ended) and destroy(error) (it
// broke); these two are caught here and passed on. This is the one place where a class of Node is extended.

import net from 'node:net';
import type { TcpHandle } from '../handles.ts';
import { handleOf } from '../handles.ts';

/** Who is told what happens on a socket. Never called after close() or reset(). */
export interface Receiver {
  /** `count` bytes are in the buffer. Returns false to stop reading until startReading() is called. */
  received(count: number): boolean;
  /** The other side has sent its FIN (or, see Side, was reset right behind its last bytes). */
  ended(): void;
  /** The socket is of no use any more: reset, timed out, not connected. */
  broke(error: NodeJS.ErrnoException): void;
  /** The kernel has taken all of a write that it did not take at once. */
  written(): void;
  /** connectTo() has succeeded. */
  connected(): void;
}

interface Options extends net.SocketConstructorOpts {
  readonly onread: net.OnReadOpts;
  readonly handle: object | null;
  readonly pauseOnCreate: boolean;
  readonly emitClose: boolean;
  readonly autoDestroy: boolean;
  readonly decodeStrings: boolean;
}

export class RelaySocket extends net.Socket {
  #to: Receiver | null;
  #handle: TcpHandle | null;
  #sending = false;
  #taken = false;
  #finishing = false;
  #resetLater = false;
  readonly #done: (error?: Error | null) => void;

  /**
   * Around an accepted handle, or without one to be connected. Reads from startReading() on, into what `buffer`
   * returns.
   */
  constructor(to: Receiver, buffer: () => Uint8Array, handle: TcpHandle | null) {
    const onread = {
      buffer,
      callback: (count: number): boolean => this.#to?.received(count) ?? false,
    };
    // net.Socket copies its options and sets the last three on the copy. Where they are missing, V8 makes new hidden
    // classes for each copy and every inline cache that sees one misses: 16 % of the CPU of a short connection.
    const options: Options = {
      handle: handle?.pipe ?? handle,
      pauseOnCreate: true,
      onread,
      allowHalfOpen: true,
      emitClose: false,
      autoDestroy: true,
      decodeStrings: false,
    };
    super(options);
    this.#to = to;
    this.#handle = handle;
    this.#done = (error) => {
      if (error) this.#break(error);
      else if (this.#sending) this.#taken = true;
      else this.#to?.written();
    };
  }

  connectTo(to: net.SocketConnectOpts): void {
    this.on('connect', connected);
    this.connect(to);
    this.#handle = handleOf(this);
  }

  /** net.Socket's event, passed on. */
  notifyConnected(): void {
    this.#to?.connected();
  }

  get handle(): TcpHandle | null {
    return this.#handle;
  }

  startReading(): void {
    this._read(0);
  }

  /** Takes an end back, to learn whether it was one: calls ended() or broke(). */
  readAgain(): void {
    this.pause();
    this._read(0);
  }

  /** Writes; true when the kernel has taken all of it, else written() follows, and until then nothing may be sent. */
  send(bytes: Uint8Array): boolean {
    this.#taken = false;
    this.#sending = true;
    // What Writable calls it with when it holds bytes; the type knows only encodings of text.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    this._write(bytes, 'buffer' as BufferEncoding, this.#done);
    this.#sending = false;
    return this.#taken;
  }

  /** FIN, after all that was sent. */
  finish(): void {
    this.#finishing = true;
    this._final(() => {
      this.#finishing = false;
      if (this.#resetLater) this.#handle?.reset(ignore);
    });
  }

  /** Closes; what the kernel has it still delivers. */
  close(): void {
    this.#to = null;
    // A connect under way is net.Socket's business until it is over.
    if (this.connecting) super.destroy();
    else this.#handle?.close();
  }

  /** Closes with a reset. */
  reset(): void {
    // While a shutdown is under way, which it is until libuv's next round, libuv refuses to reset, and Node would then
    // neither reset nor close the handle ever again.
    if (this.#finishing) {
      this.#to = null;
      this.#resetLater = true;
    } else if (this.connecting || this.#handle === null || this.#handle.reset(ignore) !== 0) this.close();
    else this.#to = null;
  }

  #break(error: Error): void {
    const to = this.#to;
    this.close();
    to?.broke(error);
  }

  override push(chunk: unknown): boolean {
    if (chunk === null) this.#to?.ended();
    return false;
  }

  override read(): null {
    return null;
  }

  override destroy(error?: Error): this {
    this.#break(error ?? new Error('destroyed'));
    return this;
  }
}

function ignore(): void {
  // net.Socket wants a callback where nothing is to be done.
}

function connected(this: RelaySocket): void {
  this.notifyConnected();
}
