// One side of a relayed connection: what it reads goes to the side opposite. Owns the side's buffer while the kernel
// does not take it, and knows which of its two directions is over.

import type { TcpHandle } from '../handles.ts';
import type { Connection } from './connection.ts';
import { RelaySocket } from './socket.ts';
import type { Receiver } from './socket.ts';

export class Side implements Receiver {
  readonly socket: RelaySocket;
  readonly #connection: Connection;
  /** Has sent its FIN. */
  over = false;
  /** Was sent a FIN, or will be as soon as all is written. */
  finished = false;
  /** A write is under way. */
  busy = false;
  /** Not reading, because the opposite side is busy. */
  stalled = false;
  #lent: Buffer<ArrayBuffer> | null = null;
  #sends = 0;
  #queued = 0;

  constructor(connection: Connection, handle: TcpHandle | null) {
    this.#connection = connection;
    this.socket = new RelaySocket(this, connection.core.buffers.shared, handle);
  }

  /** What was read on the opposite side. */
  send(read: Uint8Array, count: number): void {
    const buffers = this.#connection.core.buffers;
    // Nagle holds back a small write only behind another one, so a short connection is spared this system call. Accepted
    // sockets have the option from their listener.
    if (this.#sends++ === 1 && this === this.#connection.backend) this.socket.handle?.setNoDelay(true);
    this.busy = true;
    this.socket.send(buffers.copy(read, count));
    if (this.busy) this.#lent = buffers.lend();
  }

  /** Passes the opposite side's FIN on. */
  finish(): void {
    this.finished = true;
    this.socket.finish();
  }

  /**
   * The kernel has dropped this connection: a reset has come that reading has not reported. Only to be asked before
   * finish(): after a FIN each way the kernel forgets the peer's name too.
   */
  get lost(): boolean {
    return !this.finished && this.socket.handle?.getpeername({}) !== 0;
  }

  /** Is not read from: stalled, or over. */
  get quiet(): boolean {
    return this.stalled || this.over;
  }

  /** The kernel has taken some of the write under way since the last call. */
  progressed(): boolean {
    const queued = this.busy ? (this.socket.handle?.writeQueueSize ?? 0) : 0;
    const progress = queued < this.#queued;
    this.#queued = queued;
    return progress;
  }

  received(count: number, buffer: Uint8Array): boolean {
    return this.#connection.relay(this, buffer, count);
  }

  ended(): void {
    this.#connection.sideEnded(this);
  }

  broke(error: NodeJS.ErrnoException): void {
    this.busy = false;
    this.release();
    this.#connection.sideBroke(this, error);
  }

  connected(): void {
    this.#connection.backendConnected(this);
  }

  written(): void {
    this.busy = false;
    // Called from within send() when the kernel took all at once: then nothing waits for this.
    if (this.#lent === null) return;
    this.release();
    this.#connection.sideWritten(this);
  }

  /** Hands the buffer back that a write has held. */
  release(): void {
    if (this.#lent !== null) this.#connection.core.buffers.giveBack(this.#lent);
    this.#lent = null;
  }
}
