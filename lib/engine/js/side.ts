// One side of a relayed connection: what it reads goes to the side opposite. Owns the side's buffer while the kernel
// does not take it, and knows which of its two directions is over.

import type { TcpHandle } from '../handles.ts';
import type { Connection } from './connection.ts';
import type { Queues } from './kernel.ts';
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
  /** Holds what could not be written at once. */
  #lent: Buffer<ArrayBuffer> | null = null;
  /** What it reads into, when not into the buffer that all share. */
  #own: Buffer<ArrayBuffer> | null = null;
  #sends = 0;
  #queued = 0;

  constructor(connection: Connection, handle: TcpHandle | null) {
    this.#connection = connection;
    this.socket = new RelaySocket(this, connection.core.buffers.choose, handle);
  }

  /** Sends what the opposite side has just read. */
  send(from: Side, count: number): void {
    const buffers = this.#connection.core.buffers;
    // Nagle holds back a small write only behind another one, so a short connection is spared this system call.
    // Accepted sockets have the option from their listener.
    if (this.#sends++ === 1 && this === this.#connection.backend) this.socket.handle?.setNoDelay(true);
    this.busy = !this.socket.send(buffers.read(from.#own, count));
    if (this.busy && from.#own === null) this.#lent = buffers.lend();
  }

  /** Sends what no side has read just now. */
  sendFirst(bytes: Uint8Array): void {
    this.#sends++;
    this.busy = !this.socket.send(bytes);
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

  get fd(): number {
    return this.socket.handle?.fd ?? -1;
  }

  /**
   * Nothing is lost when this side is closed now, nor was it broken. `queues` of all sides, null when they are not
   * known.
   */
  isWhole(queues: ReadonlyMap<number, Queues> | null): boolean {
    if (this.busy || this.stalled || this.lost) return false;
    // The kernel's tables have no Unix sockets; one is read from as long as it is not stalled.
    return queues === null || this.socket.handle?.pipe !== undefined || queues.get(this.fd)?.unread === 0;
  }

  /** The kernel has taken some of the write under way since the last call. */
  progressed(): boolean {
    const queued = this.busy ? (this.socket.handle?.writeQueueSize ?? 0) : 0;
    const progress = queued < this.#queued;
    this.#queued = queued;
    return progress;
  }

  received(count: number): boolean {
    const connection = this.#connection;
    const goOn = connection.relay(this, count);
    if (connection.stage === 'open') this.#own = connection.core.buffers.next(this.#own, count, this.stalled);
    return goOn;
  }

  ended(): void {
    this.#connection.sideEnded(this);
  }

  broke(error: NodeJS.ErrnoException): void {
    this.#connection.sideBroke(this, error);
  }

  connected(): void {
    this.#connection.backendConnected(this);
  }

  written(): void {
    this.busy = false;
    this.#returnLent();
    this.#connection.sideWritten(this);
  }

  /** With a FIN or with a reset; hands all buffers back. */
  close(clean: boolean): void {
    if (clean) this.socket.close();
    else this.socket.reset();
    this.#returnLent();
    if (this.#own !== null) this.#connection.core.buffers.disown(this.#own);
    this.#own = null;
  }

  #returnLent(): void {
    if (this.#lent !== null) this.#connection.core.buffers.giveBack(this.#lent);
    this.#lent = null;
  }
}
