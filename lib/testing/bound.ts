// Bound sockets for tests, which need no errors as values.

import { bindTcp, type TcpHandle } from '../engine/handles.ts';

/** A socket that is bound and does not listen yet. `ip` is a literal, `port` may be 0. */
export function boundTcp(ip: string, port: number): TcpHandle {
  const bound = bindTcp(ip, port);
  if (!bound.ok) throw new Error(`Cannot bind ${ip}:${port}: ${bound.code}`);
  return bound.handle;
}

/** The port that a bound handle has. */
export function localPort(handle: TcpHandle): number {
  const out: { port?: number } = {};
  handle.getsockname(out);
  if (out.port === undefined) throw new Error('Cannot tell the port of a handle that is not bound');
  return out.port;
}
