// The client that the policy is being asked about. What the policy does with it goes through memory that is shared with
// the addon, because a call into the addon takes longer than all of the rest.

import type { NativeEngine } from './addon.ts';
import type { Engine } from './engine.ts';

export interface Asked extends Pick<Engine, 'take' | 'setClient' | 'clientIp' | 'clientAddress'> {
  /** The client at `place` of those accepted together. `known`: the places whose address is known, as bits. */
  accepted(connection: number, place: number, known: number): void;
  inspected(connection: number): void;
  answered(): void;
}

const NONE = -1;
const IP_BYTES = 16;
/** Places in the addon's `first`. */
const [LEFT, TAKEN, STANDS_FOR] = [0, 1, 2] as const;

export function askedOf(native: NativeEngine): Asked {
  const { first, ips } = native;
  const places = Array.from({ length: ips.length / IP_BYTES }, (_, i) =>
    ips.subarray(IP_BYTES * i, IP_BYTES * (i + 1)),
  );
  /** The first place is for the client that another one stands for, the last for any other connection. */
  const [standsFor, other] = [places[0], places.at(-1) ?? null];
  let asked = NONE;
  let isInspected = false;
  /** The address of the client, null: ask the addon. */
  let ip: Uint8Array | null = null;

  return {
    accepted(connection, place, known) {
      asked = connection;
      ip = (known & (1 << place)) === 0 ? null : (places[place] ?? null);
    },
    inspected(connection) {
      asked = connection;
      isInspected = true;
    },
    answered() {
      asked = NONE;
      isInspected = false;
      ip = null;
    },
    take(connection, bytes) {
      const left = isInspected && connection === asked ? (first[LEFT] ?? 0) : -1;
      if (!(bytes >= 0 && bytes <= left)) throw new Error('Cannot take bytes: not so many are being inspected');
      first[LEFT] = left - bytes;
      first[TAKEN] = (first[TAKEN] ?? 0) + bytes;
    },
    setClient(connection, client, port) {
      if (client.length !== IP_BYTES) throw new TypeError('Cannot use ip: it has not sixteen bytes');
      if (!isInspected || connection !== asked || standsFor === undefined) {
        throw new Error("Cannot set the client's address: it is not being inspected");
      }
      standsFor.set(client);
      first[STANDS_FOR] = port + 1;
      ip = standsFor;
    },
    clientIp(connection) {
      if (connection === asked && ip !== null) return ip;
      return native.clientIp(connection) ? other : null;
    },
    clientAddress(connection) {
      if (isInspected && first[STANDS_FOR] !== 0) native.standFor();
      return native.clientAddress(connection);
    },
  };
}
