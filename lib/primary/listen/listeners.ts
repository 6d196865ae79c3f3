// Binds listening sockets. The primary binds them and keeps them open while they are configured, so the kernel's accept queue
// outlives every worker: without workers, clients wait instead of being refused. The primary never listens or accepts; each
// worker gets a copy of the handle and does both.

import type { ListenerPlan } from '../../../config/listeners.ts';
import { addressOf } from '../../../config/plan.ts';
import { isLiteral, isPath } from '../../../config/unix.ts';
import type { BoundHandle } from '../../engine/engine.ts';
import { bindInherited, bindTcp } from '../../engine/handles.ts';
import { bindPath } from './unix-socket.ts';
import { lookUpAside } from '../../lookup.ts';

export interface Listener {
  /** `ip:port` or `unix:/path`, the identity of a listener. */
  readonly address: string;
  readonly handle: BoundHandle;
  /** Bound by another process. */
  readonly isInherited?: boolean;
  /** Bound by a service manager, which also has it open and manages the file of a Unix socket. */
  readonly isPassed?: boolean;
}

/** A bound socket that this process has inherited. */
export interface Inherited {
  readonly address: string;
  readonly fd: number;
  /** Passed by a service manager, to this process or a predecessor. */
  readonly isPassed?: boolean;
}

export type BindResult = { readonly ok: true; readonly listener: Listener } | BindFailure;

export interface BindFailure {
  readonly ok: false;
  readonly address: string;
  /** The configuration key that needs the address, if it is not a service's. */
  readonly key?: 'admin';
  /** errno name: EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOTFOUND, … */
  readonly code: string;
  /** The address of a passed socket on the same port that does not match. */
  readonly passed?: string;
}

/** Where a listener is bound: one address, or all addresses of its name. */
export type ListenAddresses = readonly { readonly ip: string; readonly address: string }[] | BindFailure;

/** Resolves the listeners' `bind_address`, in order. Literals stay as they are; names go to the system's resolver, with a timeout. */
export async function listenAddresses(
  listeners: readonly Pick<ListenerPlan, 'bindAddress' | 'port'>[],
  lookUp: typeof lookUpAside = lookUpAside,
): Promise<readonly ListenAddresses[]> {
  const names = listeners.flatMap(({ bindAddress }) => (isLiteral(bindAddress) ? [] : [bindAddress]));
  const found = await lookUp(names);
  return listeners.map(({ bindAddress, port }) => {
    const answer = found.get(bindAddress) ?? { ips: [bindAddress] };
    if ('code' in answer) return { ok: false, address: addressOf(bindAddress, port), code: answer.code };
    return answer.ips.map((ip) => ({ ip, address: addressOf(ip, port) }));
  });
}

/** Returns what keeps one listener from being served, or null. Ignores addresses that this machine lacks, unless it lacks all. */
export function failureIn(results: readonly ({ readonly ok: true } | BindFailure)[]): BindFailure | null {
  const failures = results.flatMap((result) => (result.ok ? [] : [result]));
  const isNotHere = ({ code }: BindFailure) => code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
  return (
    failures.find((failure) => !isNotHere(failure)) ?? (failures.length < results.length ? null : failures[0]) ?? null
  );
}

/** Binds one address. The caller owns the listener and closes its handle. */
export function bind(ip: string, { port, mode }: Pick<ListenerPlan, 'port' | 'mode'>): BindResult {
  const address = addressOf(ip, port);
  const bound = isPath(ip) ? bindPath(ip, mode ?? 0o600) : bindTcp(ip, port);
  return bound.ok ? { ok: true, listener: { address, handle: bound.handle } } : { ...bound, address };
}

/** Adopts an inherited socket. Returns nothing if the descriptor is not one. */
export function adopt({ address, fd, isPassed = false }: Inherited): Listener[] {
  const inherited = bindInherited(fd);
  return inherited.ok ? [{ address, handle: inherited.handle, isInherited: true, isPassed }] : [];
}

/** The port of an `ip:port`, or the whole address of a Unix socket. */
export function portOf(address: string): string {
  if (address.startsWith('unix:')) return address;
  return address.slice(address.lastIndexOf(':') + 1);
}
