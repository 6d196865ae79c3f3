// Owns sockets that a service manager has passed and the current plan does not need. The manager keeps them open, so nobody could
// bind their addresses anyway. They are kept for a later plan, even across an upgrade.

import { canonicalHost, splitAddress } from '../../../config/host.ts';
import { addressOf } from '../../../config/plan.ts';
import { adopt, type Inherited, type Listener } from './listeners.ts';

export interface Shelf {
  /** Hands the socket over to the caller, under the given spelling of its address. */
  take(address: string): Listener | null;
  /** Takes a passed socket back; it stays open. */
  put(listener: Listener): void;
  /** Their addresses. */
  readonly addresses: readonly string[];
  descriptors(): readonly Inherited[];
  close(): void;
}

export function createShelf(passed: readonly Inherited[]): Shelf {
  const all = new Map<string, Listener>();
  for (const listener of passed.flatMap(adopt)) put(listener);

  function put(listener: Listener): void {
    const key = spelled(listener.address);
    all.get(key)?.handle.close();
    all.set(key, listener);
  }

  return {
    put,
    take(address) {
      const found = all.get(spelled(address));
      all.delete(spelled(address));
      return found === undefined ? null : { ...found, address };
    },
    get addresses() {
      return [...all.values()].map(({ address }) => address);
    },
    descriptors: () => [...all.values()].map(({ address, handle }) => ({ address, fd: handle.fd, isPassed: true })),
    close() {
      for (const { handle } of all.values()) handle.close();
      all.clear();
    },
  };
}

/** Normalizes an address: IPv6 has many spellings. */
function spelled(address: string): string {
  const parts = address.startsWith('unix:') ? null : splitAddress(address);
  return parts === null ? address : addressOf(canonicalHost(parts.host), parts.port);
}
