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
  /** It is a Unix socket's, which has no name to be asked for, and no reset: what node:net knows it by. */
  readonly pipe?: object;
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

/** The address of every client of a Unix socket. */
export const UNIX = 'unix';

/** What TCP has and a Unix socket has not comes to nothing; a reset is a close. */
class PipeHandle implements TcpHandle {
  readonly pipe: Pipe;

  constructor(pipe: Pipe) {
    this.pipe = pipe;
  }

  get fd(): number {
    return this.pipe.fd;
  }

  get writeQueueSize(): number {
    return this.pipe.writeQueueSize;
  }

  get onconnection(): Pipe['onconnection'] {
    return this.pipe.onconnection;
  }

  set onconnection(to: Pipe['onconnection']) {
    this.pipe.onconnection = to;
  }

  listen(backlog: number): number {
    return this.pipe.listen(backlog);
  }

  close(callback?: () => void): void {
    this.pipe.close(callback);
  }

  getsockname(): number {
    return 0;
  }

  getpeername(out: Partial<SocketAddress>): number {
    Object.assign(out, { address: UNIX, family: UNIX });
    return 0;
  }

  setNoDelay(): number {
    return 0;
  }

  setKeepAlive(): number {
    return 0;
  }

  reset(callback: () => void): number {
    this.pipe.close(callback);
    return 0;
  }
}

/** An Error like those of node:net: `code` is the errno's name. */
export function systemError(action: string, status: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`Cannot ${action}: ${code}`), { code, errno: status, syscall: action });
}

/** errno name: EADDRINUSE, EACCES, EADDRNOTAVAIL, … */
interface BindingFailed {
  readonly ok: false;
  readonly code: string;
}

export type Bound = { readonly ok: true; readonly handle: TcpHandle } | BindingFailed;

/**
 * `_createServerHandle` is not in Node's documentation, but exported and unchanged from Node 20 to 26: node:cluster
 * itself binds with it. Its public successor, net.BoundSocket, does not exist in Node 20 and 22.
 */
function created(address: string | null, port: number, family: number, fd?: number): unknown {
  const create: unknown = Reflect.get(net, '_createServerHandle');
  if (typeof create !== 'function') {
    throw new Error(`Cannot bind a socket: net._createServerHandle is not in this Node.js (${process.version})`);
  }
  const made: unknown = Reflect.apply(create, net, [address, port, family, fd]);
  return made;
}

/** Binds a TCP socket without listening on it. `ip` is a literal, `port` may be 0. */
export function bindTcp(ip: string, port: number): Bound {
  const made = created(ip, port, net.isIPv6(ip) ? 6 : 4);
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

/** A socket that was bound by another process, TCP or Unix, of which this one has a descriptor. The handle owns it. */
export function bindInherited(fd: number): { readonly ok: true; readonly handle: BoundHandle } | BindingFailed {
  const made = created(null, 0, -1, fd);
  if (typeof made === 'number') return { ok: false, code: getSystemErrorName(made) };
  if (isPipeHandle(made)) return { ok: true, handle: made };
  const handle = tcpHandle(made);
  // As bindTcp(): a service manager has not.
  handle.setNoDelay(true);
  return { ok: true, handle };
}

/** Binds a Unix socket without listening on it, under a path at which nothing is. */
export function bindPipe(path: string): { readonly ok: true; readonly handle: BoundHandle } | BindingFailed {
  const made = created(path, -1, -1);
  if (typeof made === 'number') return { ok: false, code: getSystemErrorName(made) };
  if (isPipeHandle(made)) return { ok: true, handle: made };
  throw new Error(`Cannot use this Node.js (${process.version}): it makes no handle of a Unix socket`);
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
  if (out.family === UNIX) return UNIX;
  return out.family === 'IPv6' ? `[${out.address}]:${out.port}` : `${out.address}:${out.port}`;
}

export function isBoundHandle(handle: unknown): handle is BoundHandle {
  return typeof handle === 'object' && handle !== null && 'listen' in handle && 'fd' in handle;
}
