// The bound listening sockets. The primary binds them itself and keeps them open as long as they are configured, so the
// kernel's accept queue outlives every worker: while none lives, clients wait instead of being refused. The primary
// never listens or accepts; each worker gets a copy of the handle and does both.

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
  /** Bound by a service manager, which has it, too, and looks after the file of a Unix socket. */
  readonly isPassed?: boolean;
}

/** A bound socket that this process has inherited. */
export interface Inherited {
  readonly address: string;
  readonly fd: number;
  /** By a service manager, to this process or to one before it. */
  readonly isPassed?: boolean;
}

export type BindResult = { readonly ok: true; readonly listener: Listener } | BindFailure;

export interface BindFailure {
  readonly ok: false;
  readonly address: string;
  /** The key of the configuration that asks for it, where that is not the address of a service. */
  readonly key?: 'admin';
  /** errno name: EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOTFOUND, … */
  readonly code: string;
  /** A socket on the same port that a service manager has passed, and that is not meant. */
  readonly passed?: string;
}

/** Where a listener is bound: one address, or all that its name has. */
export type ListenAddresses = readonly { readonly ip: string; readonly address: string }[] | BindFailure;

/** Resolves the listeners' `bind_address`, in order: a literal as it is, a name by the system's resolver, within a bounded time. */
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

/** What keeps the addresses of one listener from being served; null: one that this machine has not is passed over. */
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

/** A socket that this process has inherited; nothing where the descriptor is none. */
export function adopt({ address, fd, isPassed = false }: Inherited): Listener[] {
  const inherited = bindInherited(fd);
  return inherited.ok ? [{ address, handle: inherited.handle, isInherited: true, isPassed }] : [];
}

/** Of an `ip:port`; of a Unix socket its whole address. */
export function portOf(address: string): string {
  if (address.startsWith('unix:')) return address;
  return address.slice(address.lastIndexOf(':') + 1);
}
