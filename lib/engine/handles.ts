// Typed access to the parts of Node's TCP handles that its documentation does not name. They have been the same from
// Node 20 to 26; everything taken from them is looked at before it is used, so that a Node which changes them says so
// at start and not in the middle of traffic.

import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { BoundHandle } from './engine.ts';

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
  readonly family: string;
}

/** libuv's TCP handle, whether it listens or is connected. Calls return 0, or -errno. */
export interface TcpHandle extends BoundHandle {
  getsockname(out: Partial<SocketAddress>): number;
  getpeername(out: Partial<SocketAddress>): number;
  setNoDelay(on: boolean): number;
  /** Probes after so many seconds of silence; how many, and how far apart, is libuv's. */
  setKeepAlive(on: boolean, seconds: number): number;
  /** close(2) with SO_LINGER 0. Refuses (-EINVAL) while a shutdown is under way. */
  reset(callback: () => void): number;
  /** Bytes handed to libuv that the kernel has not taken yet. */
  readonly writeQueueSize: number;
  /** It is a Unix socket's: it has no name to be asked for, and no reset. */
  readonly isUnix?: true;
}

const METHODS = ['listen', 'close', 'getsockname', 'getpeername', 'setNoDelay', 'setKeepAlive', 'reset'] as const;

// All handles of one kind share a prototype, so one look is enough for all of them.
let known: unknown = null;

function isTcpHandle(value: unknown): value is TcpHandle {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === known) return true;
  if (!METHODS.every((name) => typeof Reflect.get(value, name) === 'function')) return false;
  known = prototype;
  return true;
}

/** The handle as what it is; throws when this Node's handles lack what the engine needs. */
export function tcpHandle(value: unknown): TcpHandle {
  if (isTcpHandle(value)) return value;
  throw new Error(`Cannot use this Node.js (${process.version}): its TCP handles lack one of ${METHODS.join(', ')}`);
}

/** The handle below a socket that has one; throws like tcpHandle(). */
export function handleOf(socket: net.Socket): TcpHandle {
  return handleOn(Reflect.get(socket, '_handle'));
}

/** A handle of TCP, or of a Unix socket as if it were one. */
export function handleOn(value: unknown): TcpHandle {
  return isPipeHandle(value) ? new PipeHandle(value) : tcpHandle(value);
}

type Pipe = Pick<TcpHandle, 'fd' | 'onconnection' | 'listen' | 'close' | 'writeQueueSize'>;

/** libuv's handle of a Unix socket. */
function isPipeHandle(value: unknown): value is Pipe {
  return typeof value === 'object' && value !== null && value.constructor.name === 'Pipe' && 'fd' in value;
}

/** What TCP has and a Unix socket has not comes to nothing; a reset is a close. */
class PipeHandle implements TcpHandle {
  readonly isUnix = true;
  readonly #pipe: Pipe;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
  }

  get fd(): number {
    return this.#pipe.fd;
  }

  get writeQueueSize(): number {
    return this.#pipe.writeQueueSize;
  }

  get onconnection(): Pipe['onconnection'] {
    return this.#pipe.onconnection;
  }

  set onconnection(to: Pipe['onconnection']) {
    this.#pipe.onconnection = to;
  }

  listen(backlog: number): number {
    return this.#pipe.listen(backlog);
  }

  close(callback?: () => void): void {
    this.#pipe.close(callback);
  }

  getsockname(): number {
    return 0;
  }

  getpeername(): number {
    return 0;
  }

  setNoDelay(): number {
    return 0;
  }

  setKeepAlive(): number {
    return 0;
  }

  reset(callback: () => void): number {
    this.#pipe.close(callback);
    return 0;
  }
}

/** An Error like those of node:net: `code` is the errno's name. */
export function systemError(action: string, status: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`Cannot ${action}: ${code}`), { code, errno: status, syscall: action });
}

export type Bound =
  | { readonly ok: true; readonly handle: TcpHandle }
  /** errno name: EADDRINUSE, EACCES, EADDRNOTAVAIL, … */
  | { readonly ok: false; readonly code: string };

/**
 * Binds a TCP socket without listening on it. `ip` is a literal, `port` may be 0.
 *
 * `_createServerHandle` is not in Node's documentation, but exported and unchanged from Node 20 to 26: node:cluster
 * itself binds with it. Its public successor, net.BoundSocket, does not exist in Node 20 and 22.
 */
export function bindTcp(ip: string, port: number): Bound {
  const create: unknown = Reflect.get(net, '_createServerHandle');
  if (typeof create !== 'function') {
    throw new Error(`Cannot bind a socket: net._createServerHandle is not in this Node.js (${process.version})`);
  }
  const made: unknown = Reflect.apply(create, net, [ip, port, net.isIPv6(ip) ? 6 : 4, undefined]);
  if (typeof made === 'number') return { ok: false, code: getSystemErrorName(made) };
  const handle = tcpHandle(made);
  // libuv keeps EADDRINUSE back until the socket is used; asking for its name brings it out.
  const deferred = handle.getsockname({});
  if (deferred !== 0) {
    handle.close();
    return { ok: false, code: getSystemErrorName(deferred) };
  }
  // Accepted sockets inherit it on Linux: one system call less for each client. The js engine sets it where not.
  handle.setNoDelay(true);
  return { ok: true, handle };
}

/** The other end; empty when it is gone. */
export function peerOf(handle: TcpHandle): Partial<SocketAddress> {
  const out: Partial<SocketAddress> = {};
  handle.getpeername(out);
  return out;
}

/** The own end; empty when it is gone. */
export function localOf(handle: TcpHandle): Partial<SocketAddress> {
  const out: Partial<SocketAddress> = {};
  handle.getsockname(out);
  return out;
}

/** `ip:port` or `[ip]:port`; '' when the peer was gone before it was asked. */
export function peerText(out: Partial<SocketAddress>): string {
  if (out.address === undefined) return '';
  return out.family === 'IPv6' ? `[${out.address}]:${out.port}` : `${out.address}:${out.port}`;
}
