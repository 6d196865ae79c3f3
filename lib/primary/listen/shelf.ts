// Sockets that a service manager has passed and no service of the plan needs now. The manager has them open all the same, so nobody
// else could bind their addresses: they are kept for a plan that needs them, also over an upgrade.

import { canonicalHost, splitAddress } from '../../../config/host.ts';
import { addressOf } from '../../../config/plan.ts';
import { adopt, type Inherited, type Listener } from './listeners.ts';

export interface Shelf {
  /** From now on the caller's, under the spelling that it asks for. */
  take(address: string): Listener | null;
  /** One that was passed; it stays open. */
  put(listener: Listener): void;
  /** Where they listen. */
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

/** An IPv6 address has many spellings. */
function spelled(address: string): string {
  const parts = address.startsWith('unix:') ? null : splitAddress(address);
  return parts === null ? address : addressOf(canonicalHost(parts.host), parts.port);
}
