// The bound listeners. Owns their handles: a reload binds new addresses before anything changes, and closes old ones when no
// worker of the old generation accepts on them any more.

import { setTimeout as sleep } from 'node:timers/promises';

import type { ListenerPlan } from '../../../config/listeners.ts';
import { listenersOf } from '../../../config/listeners.ts';
import type { Plan } from '../../../config/plan.ts';
import { addressOf } from '../../../config/plan.ts';
import { isPath } from '../../../config/unix.ts';
import type { BindFailure, Inherited, ListenAddresses, Listener } from './listeners.ts';
import { adopt, bind, failureIn, listenAddresses, portOf } from './listeners.ts';
import { lookUpAside } from '../../lookup.ts';
import { createShelf } from './shelf.ts';
import { clearPath, removePath, setMode } from './unix-socket.ts';

/** A bound listener of a plan. */
export interface BoundListener extends Listener {
  readonly plan: ListenerPlan;
}

/** All listeners of a plan, in its order. A listener given by name has one entry for each of its addresses. */
export interface Binding {
  readonly ok: true;
  readonly listeners: readonly BoundListener[];
}

export interface Listening {
  /**
   * Binds what the plan needs and is not bound yet. On failure nothing has changed. Retries an address in use for `patienceMs`,
   * while its owner closes it.
   */
  bindFor(plan: Plan, patienceMs?: number): Promise<Binding | BindFailure>;
  /** Gives the files of Unix sockets the modes of this plan. */
  setModes(plan: Plan): void;
  /** `after` takes the place of `before` and has the same listeners: keeps the addresses of their names. */
  succeed(before: Plan, after: Plan): void;
  /** Closes all other listeners. */
  keepOnly(addresses: readonly string[]): void;
  /** Closes all listeners. From now on bindFor() fails with ECANCELED. */
  close(): void;
  /** The addresses of the bound listeners. */
  readonly addresses: readonly string[];
  /** Takes sole ownership of inherited sockets: from now on, closing one removes its Unix socket file. Closes all others. */
  own(addresses: readonly string[]): void;
  /** Leaves the sockets to another process, which has them too. */
  abandon(): void;
  /** Addresses of sockets that a service manager has passed and the plan does not need. */
  readonly unused: readonly string[];
  /** All sockets with their descriptors in this process. */
  descriptors(): readonly Inherited[];
  /** The addresses that the plan needs, without names that do not resolve. */
  wantedBy(plan: Plan): Promise<readonly string[]>;
  /** Whether `failure` is caused by a listener of ours that `plan` does not need. */
  isOwnObstacle(failure: BindFailure, plan: Plan): Promise<boolean>;
}

/** Short, because clients are refused until it is bound. */
const RETRY_MS = 1;

/** `inherited` sockets are bound already. keepOnly() closes those that no plan needs. */
export function createListening(inherited: readonly Inherited[] = [], lookUp = lookUpAside): Listening {
  const shelf = createShelf(inherited.filter(({ isPassed }) => isPassed === true));
  const others = inherited.filter(({ isPassed }) => isPassed !== true);
  const bound = new Map(others.flatMap((it) => adopt(it).map((listener) => [listener.address, listener])));
  /** Whether inherited sockets belong to this process alone. */
  let isOwner = false;
  let isClosed = false;
  /** Look a plan's names up only once: it is served where it was bound, and no lookup delays a switch. */
  const resolved = new WeakMap<Plan, Promise<readonly ListenAddresses[]>>();

  function addressesOf(plan: Plan): Promise<readonly ListenAddresses[]> {
    const found = resolved.get(plan) ?? listenAddresses(listenersOf(plan), lookUp);
    resolved.set(plan, found);
    return found;
  }

  function close(listener: Listener): void {
    bound.delete(listener.address);
    if (listener.isPassed === true) return shelf.put(listener);
    listener.handle.close();
    // libuv removes only files of sockets that it has bound itself.
    if (listener.isInherited === true && isOwner) removePath(listener.address);
  }

  function passedAddresses(): string[] {
    const inUse = [...bound.values()].flatMap(({ address, isPassed }) => (isPassed === true ? [address] : []));
    return [...shelf.addresses, ...inUse];
  }

  function bindAll(plan: Plan, wanted: readonly ListenAddresses[]): Binding | BindFailure {
    const fresh: Listener[] = [];
    const listeners: BoundListener[] = [];
    for (const [index, listener] of listenersOf(plan).entries()) {
      const where = wanted[index];
      if (where === undefined) continue;
      const results = 'code' in where ? [where] : where.map((it) => bindOnce(it.ip, listener, it.address, fresh));
      const failure = failureIn(results);
      if (failure !== null) {
        fresh.forEach(close);
        const passed = passedAddresses().find((it) => portOf(it) === portOf(failure.address));
        return passed === undefined ? failure : { ...failure, passed };
      }
      listeners.push(...results.flatMap((it) => (it.ok ? [{ ...it.listener, plan: listener }] : [])));
    }
    return { ok: true, listeners };
  }

  async function wantedBy(plan: Plan): Promise<readonly string[]> {
    const where = await addressesOf(plan);
    return where.flatMap((found) => ('code' in found ? [] : found.map(({ address }) => address)));
  }

  return {
    wantedBy,
    async isOwnObstacle({ address, code }, plan) {
      if (code !== 'EADDRINUSE') return false;
      const wanted = await wantedBy(plan);
      const port = portOf(address);
      // A passed socket stays in the way: the service manager keeps it open.
      return [...bound.values()].some(
        (own) => own.isPassed !== true && portOf(own.address) === port && !wanted.includes(own.address),
      );
    },
    async bindFor(plan, patienceMs = 0) {
      const wanted = await addressesOf(plan);
      const giveUp = performance.now() + patienceMs;
      for (const { ip, address } of wanted.flatMap((where) => ('code' in where ? [] : where))) {
        const code =
          bound.has(address) || shelf.addresses.includes(address) || !isPath(ip) ? null : await clearPath(ip);
        if (code !== null) return { ok: false, address, code };
      }
      for (;;) {
        if (isClosed) return { ok: false, address: listenersOf(plan)[0]?.address ?? '', code: 'ECANCELED' };
        const binding = bindAll(plan, wanted);
        if (binding.ok || binding.code !== 'EADDRINUSE' || performance.now() >= giveUp) return binding;
        await sleep(RETRY_MS);
      }
    },
    setModes(plan) {
      for (const { bindAddress, mode } of listenersOf(plan)) {
        if (mode !== null && bound.get(addressOf(bindAddress, 0))?.isPassed !== true) setMode(bindAddress, mode);
      }
    },
    succeed(before, after) {
      const found = resolved.get(before);
      if (found !== undefined) resolved.set(after, found);
    },
    keepOnly(addresses) {
      for (const listener of bound.values()) if (!addresses.includes(listener.address)) close(listener);
    },
    close() {
      isClosed = true;
      bound.forEach(close);
    },
    get addresses() {
      return [...bound.keys()];
    },
    own(addresses) {
      isOwner = true;
      for (const listener of bound.values()) if (!addresses.includes(listener.address)) close(listener);
    },
    abandon() {
      // Leave Unix sockets open: libuv would remove the files of those that it has bound.
      for (const { address, handle } of bound.values()) if (!address.startsWith('unix:')) handle.close();
      bound.clear();
      shelf.close();
    },
    get unused() {
      return shelf.addresses;
    },
    descriptors: () => [
      ...[...bound.values()].map(({ address, handle, isPassed = false }) => ({ address, fd: handle.fd, isPassed })),
      ...shelf.descriptors(),
    ],
  };

  function bindOnce(
    ip: string,
    plan: ListenerPlan,
    address: string,
    fresh: Listener[],
  ): { ok: true; listener: Listener } | BindFailure {
    const existing = bound.get(address);
    if (existing !== undefined) return { ok: true, listener: existing };
    const passed = shelf.take(address);
    const result = passed === null ? bind(ip, plan) : ({ ok: true, listener: passed } as const);
    if (!result.ok) return result;
    bound.set(address, result.listener);
    fresh.push(result.listener);
    return result;
  }
}
