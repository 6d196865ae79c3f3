// Typed access to undocumented parts of Node's TCP handles. They are the same from Node 20 to 26. Everything taken from
// them is checked before use, so that a Node which changes them fails at start and not in the middle of traffic.

import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { readIp } from '../../config/ip.ts';
import type { End } from './ends.ts';
import type { BoundHandle } from './engine.ts';

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
  readonly family: string;
}

/** libuv's TCP handle, listening or connected. Calls return 0 or -errno. */
export interface TcpHandle extends BoundHandle {
  getsockname(out: Partial<SocketAddress>): number;
  getpeername(out: Partial<SocketAddress>): number;
  setNoDelay(on: boolean): number;
  /** Probes after this many seconds of silence. libuv chooses their number and interval. */
  setKeepAlive(on: boolean, seconds: number): number;
  /** close(2) with SO_LINGER 0. Refuses (-EINVAL) while a shutdown is under way. */
  reset(callback: () => void): number;
  /** Bytes handed to libuv that the kernel has not taken yet. */
  readonly writeQueueSize: number;
  /** Set for a Unix socket, which has no name to query and no reset. node:net needs this handle. */
  readonly pipe?: object;
}

const METHODS = ['listen', 'close', 'getsockname', 'getpeername', 'setNoDelay', 'setKeepAlive', 'reset'] as const;

// All handles of one kind share a prototype, so checking one is enough.
let known: unknown = null;

function isTcpHandle(value: unknown): value is TcpHandle {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === known) return true;
  if (!METHODS.every((name) => typeof Reflect.get(value, name) === 'function')) return false;
  known = prototype;
  return true;
}

/** Returns the value as a TcpHandle. Throws when this Node's handles lack what the engine needs. */
export function tcpHandle(value: unknown): TcpHandle {
  if (isTcpHandle(value)) return value;
  throw new Error(`Cannot use this Node.js (${process.version}): its TCP handles lack one of ${METHODS.join(', ')}`);
}

/** Returns the handle of a socket that has one. Throws like tcpHandle(). */
export function handleOf(socket: net.Socket): TcpHandle {
  return handleOn(Reflect.get(socket, '_handle'));
}

/** Returns a TCP handle, or wraps a Unix socket's so that it looks like one. */
export function handleOn(value: unknown): TcpHandle {
  return isPipeHandle(value) ? new PipeHandle(value) : tcpHandle(value);
}

type Pipe = Pick<TcpHandle, 'fd' | 'onconnection' | 'listen' | 'close' | 'writeQueueSize'>;

/** libuv's handle of a Unix socket. */
function isPipeHandle(value: unknown): value is Pipe {
  return typeof value === 'object' && value !== null && value.constructor.name === 'Pipe' && 'fd' in value;
}

/** The address reported for every client of a Unix socket. */
export const UNIX = 'unix';

/** TCP calls that a Unix socket does not have do nothing; a reset is a close. */
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

/** Creates an Error like those of node:net: `code` is the errno's name. */
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
 * `_createServerHandle` is undocumented, but exported and unchanged from Node 20 to 26: node:cluster itself binds with
 * it. Its public successor, net.BoundSocket, does not exist in Node 20 and 22.
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
  // libuv holds EADDRINUSE back until the socket is used. Asking for its name brings it out.
  const deferred = handle.getsockname({});
  if (deferred !== 0) {
    handle.close();
    return { ok: false, code: getSystemErrorName(deferred) };
  }
  // Accepted sockets inherit this on Linux: one system call fewer per client. Elsewhere the js engine sets it.
  handle.setNoDelay(true);
  return { ok: true, handle };
}

/** Wraps a socket, TCP or Unix, that another process has bound. The handle owns `fd`. */
export function bindInherited(fd: number): { readonly ok: true; readonly handle: BoundHandle } | BindingFailed {
  const made = created(null, 0, -1, fd);
  if (typeof made === 'number') return { ok: false, code: getSystemErrorName(made) };
  if (isPipeHandle(made)) return { ok: true, handle: made };
  const handle = tcpHandle(made);
  // As in bindTcp(): a service manager does not set it.
  handle.setNoDelay(true);
  return { ok: true, handle };
}

/** Binds a Unix socket without listening on it. Nothing may exist at `path`. */
export function bindPipe(path: string): { readonly ok: true; readonly handle: BoundHandle } | BindingFailed {
  const made = created(path, -1, -1);
  if (typeof made === 'number') return { ok: false, code: getSystemErrorName(made) };
  if (isPipeHandle(made)) return { ok: true, handle: made };
  throw new Error(`Cannot use this Node.js (${process.version}): it makes no handle of a Unix socket`);
}

/** The peer's address; empty when the peer is gone. */
export function peerOf(handle: TcpHandle): Partial<SocketAddress> {
  const out: Partial<SocketAddress> = {};
  handle.getpeername(out);
  return out;
}

/** The local address; empty when it is gone. */
export function localOf(handle: TcpHandle): Partial<SocketAddress> {
  const out: Partial<SocketAddress> = {};
  handle.getsockname(out);
  return out;
}

/** Null: an end without an address, or one that is gone. */
export function endOf({ address = '', port = 0 }: Partial<SocketAddress>): End | null {
  const ip = new Uint8Array(16);
  const zone = address.indexOf('%');
  return readIp(address, 0, zone === -1 ? address.length : zone, ip, 0) ? { ip, port } : null;
}

/** `ip:port`, `[ip]:port` or `unix`; '' when the peer was gone before it was asked. */
export function peerText(out: Partial<SocketAddress>): string {
  if (out.address === undefined) return '';
  if (out.family === UNIX) return UNIX;
  return out.family === 'IPv6' ? `[${out.address}]:${out.port}` : `${out.address}:${out.port}`;
}

export function isBoundHandle(handle: unknown): handle is BoundHandle {
  return typeof handle === 'object' && handle !== null && 'listen' in handle && 'fd' in handle;
}
