// The bound listening sockets. The primary binds them itself and keeps them open as long as they are configured, so the
// kernel's accept queue outlives every worker: while none lives, clients wait instead of being refused. The primary
// never listens or accepts; each worker gets a copy of the handle and does both.

import { lookup } from 'node:dns/promises';
import net from 'node:net';
import { getSystemErrorName } from 'node:util';

import type { ServicePlan } from '../../config/plan.ts';
import { addressOf } from '../../config/plan.ts';
import type { BoundHandle } from '../engine/engine.ts';

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

/** Resolves a service's `bind_address`: a literal as it is, a name by the system's resolver. */
export async function listenAddress(service: ServicePlan): Promise<{ ip: string; address: string } | BindFailure> {
  const written = service.bindAddress;
  if (net.isIP(written) !== 0) return { ip: written, address: addressOf(written, service.port) };
  try {
    const { address: ip } = await lookup(written);
    return { ip, address: addressOf(ip, service.port) };
  } catch (error) {
    return { ok: false, address: addressOf(written, service.port), code: codeOf(error) };
  }
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

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'ENOTFOUND';
}
