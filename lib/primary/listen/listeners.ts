// The bound listening sockets. The primary binds them itself and keeps them open as long as they are configured, so the
// kernel's accept queue outlives every worker: while none lives, clients wait instead of being refused. The primary
// never listens or accepts; each worker gets a copy of the handle and does both.

import net from 'node:net';
import { getSystemErrorName } from 'node:util';

import type { ServicePlan } from '../../../config/plan.ts';
import { addressOf } from '../../../config/plan.ts';
import type { BoundHandle } from '../../engine/engine.ts';
import { lookUpAside } from '../../lookup.ts';

export interface Listener {
  /** `ip:port`, the identity of a listener. */
  readonly address: string;
  readonly handle: BoundHandle;
}

export type BindResult = { readonly ok: true; readonly listener: Listener } | BindFailure;

export interface BindFailure {
  readonly ok: false;
  readonly address: string;
  /** errno name: EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOTFOUND, … */
  readonly code: string;
}

/**
 * Not in Node's documentation, but exported and unchanged from Node 20 to 26: node:cluster itself binds with it. Its
 * public successor, net.BoundSocket, does not exist in Node 20 and 22.
 */
interface BindingNet {
  _createServerHandle(
    ip: string,
    port: number,
    family: 4 | 6,
    fd: undefined,
  ): number | (BoundHandle & { getsockname(out: object): number; setNoDelay(on: boolean): number });
}

/** One lost packet costs 5 s (resolv.conf's default), and that is no outage yet. */
const LOOKUP_MS = 8000;

export type ListenAddress = { readonly ip: string; readonly address: string } | BindFailure;

/** Resolves the services' `bind_address`, in order: a literal as it is, a name by the system's resolver, within a bounded time. */
export async function listenAddresses(services: readonly ServicePlan[]): Promise<readonly ListenAddress[]> {
  const names = services.flatMap(({ bindAddress }) => (net.isIP(bindAddress) === 0 ? [bindAddress] : []));
  const found = await lookUpAside(names, LOOKUP_MS);
  return services.map(({ bindAddress, port }) => {
    const answer = found.get(bindAddress) ?? { ip: bindAddress };
    if ('ip' in answer) return { ip: answer.ip, address: addressOf(answer.ip, port) };
    return { ok: false, address: addressOf(bindAddress, port), code: answer.code };
  });
}

/** Binds one address. The caller owns the listener and closes its handle. */
export function bind(ip: string, port: number): BindResult {
  const address = addressOf(ip, port);
  const binding = net as unknown as BindingNet;
  const handle = binding._createServerHandle(ip, port, net.isIPv6(ip) ? 6 : 4, undefined);
  if (typeof handle === 'number') return { ok: false, address, code: errnoName(handle) };
  // libuv keeps EADDRINUSE for later; asking for the name brings it out.
  const deferred = handle.getsockname({});
  if (deferred !== 0) {
    handle.close();
    return { ok: false, address, code: errnoName(deferred) };
  }
  // Accepted sockets inherit it on Linux: one system call less for each client. The js engine sets it where not.
  handle.setNoDelay(true);
  return { ok: true, listener: { address, handle } };
}

/** Of an `ip:port`. */
export function portOf(address: string): string {
  return address.slice(address.lastIndexOf(':') + 1);
}

function errnoName(errno: number): string {
  try {
    return getSystemErrorName(errno);
  } catch {
    return `errno ${-errno}`;
  }
}
