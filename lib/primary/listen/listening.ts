// Which addresses are bound. Owner of the handles: a reload binds what is new before anything changes, and gives up
// what is gone once no worker of the old generation is left to accept on it.

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

/** A listener of a plan, bound. */
export interface BoundListener extends Listener {
  readonly plan: ListenerPlan;
}

/** All listeners of a plan, in its order; of one that is given by name, each of its addresses. */
export interface Binding {
  readonly ok: true;
  readonly listeners: readonly BoundListener[];
}

export interface Listening {
  /**
   * Binds what the plan needs and is not bound yet. On failure nothing has changed. An address in use is tried again for
   * `patienceMs`: whoever has it is giving it up.
   */
  bindFor(plan: Plan, patienceMs?: number): Promise<Binding | BindFailure>;
  /** The files of Unix sockets have the modes of this plan from now on. */
  setModes(plan: Plan): void;
  /** Closes all listeners but those. */
  keepOnly(addresses: readonly string[]): void;
  /** Of the listeners that are bound. */
  readonly addresses: readonly string[];
  /** What was inherited is nobody else's from now on: the files of Unix sockets go with them. All but these are closed. */
  own(addresses: readonly string[]): void;
  /** They are another process', which has them, too. */
  abandon(): void;
  /** Where sockets listen that a service manager has passed and the plan has not asked for. */
  readonly unused: readonly string[];
  /** Their descriptors in this process. */
  descriptors(): readonly Inherited[];
  /** The addresses that the plan needs; those that cannot be told are left out. */
  wantedBy(plan: Plan): Promise<readonly string[]>;
  /** Whether what keeps `failure`'s address from being bound is a listener of ours that `plan` does not need. */
  isOwnObstacle(failure: BindFailure, plan: Plan): Promise<boolean>;
}

/** While it is not bound, clients are refused. */
const RETRY_MS = 1;

/** `inherited` sockets are bound already; those that no plan needs are closed with the others by keepOnly(). */
export function createListening(inherited: readonly Inherited[] = [], lookUp = lookUpAside): Listening {
  const shelf = createShelf(inherited.filter(({ isPassed }) => isPassed === true));
  const others = inherited.filter(({ isPassed }) => isPassed !== true);
  const bound = new Map(others.flatMap((it) => adopt(it).map((listener) => [listener.address, listener])));
  /** Of what was inherited. */
  let isOwner = false;
  /** A plan's names are looked up once: it is served where it was bound, and no lookup makes a switch last longer. */
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
    // libuv removes the file of what it has bound itself.
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
      // One that a service manager has, too, stays in the way.
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
    keepOnly(addresses) {
      for (const listener of bound.values()) if (!addresses.includes(listener.address)) close(listener);
    },
    get addresses() {
      return [...bound.keys()];
    },
    own(addresses) {
      isOwner = true;
      for (const listener of bound.values()) if (!addresses.includes(listener.address)) close(listener);
    },
    abandon() {
      // libuv would remove the file of a Unix socket that it has bound.
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
