// One side of a relayed connection. What it reads goes to the opposite side. Owns the side's buffer until the kernel
// has taken it, and tracks which of the side's two directions is over.

import type { TcpHandle } from '../handles.ts';
import type { Connection } from './connection.ts';
import type { Queues } from './kernel.ts';
import { RelaySocket } from './socket.ts';
import type { Receiver } from './socket.ts';

export class Side implements Receiver {
  readonly socket: RelaySocket;
  readonly #connection: Connection;
  /** It has sent its FIN. */
  over = false;
  /** It was sent a FIN, or will be once everything is written. */
  finished = false;
  /** A write to it is under way. */
  busy = false;
  /** Not reading, because the opposite side is busy. */
  stalled = false;
  /** The buffer with what could not be written at once. */
  #lent: Buffer<ArrayBuffer> | null = null;
  /** Its own read buffer, if it does not use the shared one. */
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
    // Accepted sockets inherit the option from their listener.
    if (this.#sends++ === 1 && this === this.#connection.backend) this.socket.handle?.setNoDelay(true);
    this.busy = !this.socket.send(buffers.read(from.#own, count));
    if (this.busy && from.#own === null) this.#lent = buffers.lend();
  }

  /** Sends bytes that no side has just read: the preamble and first bytes. */
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
   * Whether the kernel has dropped the connection because of a reset that reading has not reported. Only valid before
   * finish(): after a FIN each way the kernel forgets the peer's name too.
   */
  get lost(): boolean {
    return !this.finished && this.socket.handle?.getpeername({}) !== 0;
  }

  /** Whether it is not being read: stalled or over. */
  get quiet(): boolean {
    return this.stalled || this.over;
  }

  get fd(): number {
    return this.socket.handle?.fd ?? -1;
  }

  /**
   * Whether closing this side now would lose nothing, and it is not broken. `queues` has those of all sides; null if
   * unknown.
   */
  isWhole(queues: ReadonlyMap<number, Queues> | null): boolean {
    if (this.busy || this.stalled || this.lost) return false;
    // The kernel's tables have no Unix sockets. Those are read as long as they are not stalled.
    return queues === null || this.socket.handle?.pipe !== undefined || queues.get(this.fd)?.unread === 0;
  }

  /** Whether the kernel has taken some of the pending write since the last call. */
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

  /** Closes with a FIN or a reset, and returns all buffers. */
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
