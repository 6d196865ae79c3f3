// Bound sockets for tests. Errors are thrown.

import { bindTcp, type TcpHandle } from '../engine/handles.ts';

/** Binds a socket that does not listen yet. `ip` is a literal, `port` may be 0. */
export function boundTcp(ip: string, port: number): TcpHandle {
  const bound = bindTcp(ip, port);
  if (!bound.ok) throw new Error(`Cannot bind ${ip}:${port}: ${bound.code}`);
  return bound.handle;
}

/** Returns the port of a bound handle. */
export function localPort(handle: TcpHandle): number {
  const out: { port?: number } = {};
  handle.getsockname(out);
  if (out.port === undefined) throw new Error('Cannot tell the port of a handle that is not bound');
  return out.port;
}
