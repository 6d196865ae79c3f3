// A net.Socket of which only the lower half is used: reading into our buffers, writing, connecting, closing. The stream
// above it (its queues, its events, a nextTick per write) would cost as much again as the sockets themselves. A relay
// does not need it: it never has more than one write under way and stops reading in the meantime.
//
// net.Socket reports to its stream through push(null) (the peer has ended) and destroy(error) (the socket broke). Both
// are overridden here and passed on. This is the only place where a Node class is extended.

import net from 'node:net';
import type { TcpHandle } from '../handles.ts';
import { handleOf } from '../handles.ts';

/** Gets a socket's events. Never called after close() or reset(). */
export interface Receiver {
  /** `count` bytes are in the buffer. Return false to stop reading until startReading() is called. */
  received(count: number): boolean;
  /** The peer has sent its FIN (or, see Side, was reset right after its last bytes). */
  ended(): void;
  /** The socket is no longer usable: reset, timed out or not connected. */
  broke(error: NodeJS.ErrnoException): void;
  /** The kernel has taken the rest of a write that it did not take at once. */
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
   * Wraps an accepted handle, or none when it is yet to be connected. Reads from startReading() on, into what
   * `buffer` returns.
   */
  constructor(to: Receiver, buffer: () => Uint8Array, handle: TcpHandle | null) {
    const onread = {
      buffer,
      callback: (count: number): boolean => this.#to?.received(count) ?? false,
    };
    // net.Socket copies its options and sets the last three on the copy. If they are missing, V8 makes new hidden
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

  /** Passes on net.Socket's event. */
  notifyConnected(): void {
    this.#to?.connected();
  }

  get handle(): TcpHandle | null {
    return this.#handle;
  }

  startReading(): void {
    this._read(0);
  }

  /** Reads again after an end, to find out whether it was one. Calls ended() or broke(). */
  readAgain(): void {
    this.pause();
    this._read(0);
  }

  /** Writes. True when the kernel has taken everything; else written() follows, and nothing may be sent before it. */
  send(bytes: Uint8Array): boolean {
    this.#taken = false;
    this.#sending = true;
    // Writable passes this encoding when it holds bytes, but the type has only encodings of text.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    this._write(bytes, 'buffer' as BufferEncoding, this.#done);
    this.#sending = false;
    return this.#taken;
  }

  /** Sends a FIN. Everything that was sent must be written. */
  finish(): void {
    this.#finishing = true;
    this._final(() => {
      this.#finishing = false;
      if (this.#resetLater) this.#handle?.reset(ignore);
    });
  }

  /** Closes the socket. The kernel still delivers what it has. */
  close(): void {
    this.#to = null;
    // While connecting, net.Socket must do the closing.
    if (this.connecting) super.destroy();
    else this.#handle?.close();
  }

  /** Closes the socket with a reset. */
  reset(): void {
    // While a shutdown is under way (until libuv's next round), libuv refuses to reset, and Node would then never reset
    // or close the handle again.
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
  // net.Socket requires a callback, but there is nothing to do.
}

function connected(this: RelaySocket): void {
  this.notifyConnected();
}
