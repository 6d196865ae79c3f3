// Where a target leads, and which source address each connection gets.

import { readFileSync } from 'node:fs';
import { isIP, isIPv6 } from 'node:net';
import type { SocketConnectOpts } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { SocketAddress, TcpHandle } from '../handles.ts';
import { takeTurns } from '../source.ts';

/** sun_path has 108 bytes. */
const LONGEST_PATH = 107;

export interface Route {
  /** Address and source of the next connection; null: no source fits. */
  address(): SocketConnectOpts | null;
  /** Whether a connect may end up connected to itself: see metItself(). */
  readonly mayMeetItself: boolean;
}

export function routeTo(ip: string, port: number, sources: readonly string[]): Route {
  const isPath = ip.startsWith('/') && port === 0 && Buffer.byteLength(ip) <= LONGEST_PATH;
  if (!isPath && (isIP(ip) === 0 || port === 0)) throw new TypeError(`Cannot use ${ip}: it is no address`);
  if (isPath) return { address: () => ({ path: ip }), mayMeetItself: false };
  const address = { host: ip, port, family: isIPv6(ip) ? 6 : 4 };
  const mayMeetItself = port >= lowestEphemeralPort() && isOwn(ip);
  if (sources.length === 0) return { address: () => address, mayMeetItself };
  const next = takeTurns(sources);
  return {
    address() {
      const localAddress = next(ip) ?? null;
      return localAddress === null ? null : { ...address, localAddress };
    },
    mayMeetItself,
  };
}

/**
 * Whether the socket is connected to itself. If nobody listens on a port of this machine's ephemeral range, the kernel
 * may pick that very port as the source, and TCP's simultaneous open then succeeds. The backend would seem to be up,
 * and its port would be taken.
 */
export function metItself(handle: TcpHandle): boolean {
  const own: Partial<SocketAddress> = {};
  const peer: Partial<SocketAddress> = {};
  if (handle.getsockname(own) !== 0 || handle.getpeername(peer) !== 0) return false;
  return own.port === peer.port && own.address === peer.address;
}

function isOwn(ip: string): boolean {
  if (ip.startsWith('127.') || ip === '::1') return true;
  try {
    return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === ip));
  } catch {
    return true; // No descriptor left to ask with. Checking costs just two system calls per connect.
  }
}

function lowestEphemeralPort(): number {
  try {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1');
    return Number.parseInt(range, 10) || 1024;
  } catch {
    return 1024; // Not Linux: treat any port that could be ephemeral as one.
  }
}
