// The client that the policy is being asked about. What the policy does with it goes through memory that is shared with
// the addon, because a call into the addon takes longer than all of the rest.

import type { NativeEngine } from './addon.ts';
import type { End } from './ends.ts';
import type { Engine } from './engine.ts';

export interface Asked extends Pick<Engine, 'take' | 'setClient' | 'clientIp' | 'clientAddress' | 'ends'> {
  /** The client at `place` of those accepted together. `known`: the places whose address is known, as bits. */
  accepted(connection: number, place: number, known: number): void;
  inspected(connection: number): void;
  /** A preamble is asked for. */
  told(connection: number): void;
  answered(): void;
}

const NONE = -1;
const IP_BYTES = 16;
/** Places in the addon's `first`. */
const [LEFT, TAKEN, STANDS_FOR, CLIENT_PORT, LOCAL_PORT] = [0, 1, 2, 3, 4] as const;
/** Places in the addon's `ips`, after those of the clients to decide on. */
const [OTHER, CLIENT_END, LOCAL_END] = [-3, -2, -1] as const;

export function askedOf(native: NativeEngine): Asked {
  const { first, ips } = native;
  const places = Array.from({ length: ips.length / IP_BYTES }, (_, i) =>
    ips.subarray(IP_BYTES * i, IP_BYTES * (i + 1)),
  );
  /** The first place is also for the client that another one stands for. */
  const [standsFor, other] = [places[0], places.at(OTHER) ?? null];
  const client = { ip: places.at(CLIENT_END) ?? new Uint8Array(IP_BYTES), port: 0 };
  const local = { ip: places.at(LOCAL_END) ?? new Uint8Array(IP_BYTES), port: 0 };
  let asked = NONE;
  let isInspected = false;
  let isTold = false;
  /** The address of the client, null: ask the addon. */
  let ip: Uint8Array | null = null;

  function endOf(end: { ip: Uint8Array; port: number }, place: number): End | null {
    end.port = (first[place] ?? 0) - 1;
    return end.port < 0 ? null : end;
  }

  return {
    accepted(connection, place, known) {
      asked = connection;
      ip = (known & (1 << place)) === 0 ? null : (places[place] ?? null);
    },
    inspected(connection) {
      asked = connection;
      isInspected = true;
    },
    told(connection) {
      asked = connection;
      isTold = true;
    },
    answered() {
      asked = NONE;
      isInspected = isTold = false;
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
    ends(connection) {
      if (!isTold || connection !== asked) throw new Error('Cannot say its ends: no preamble is asked for');
      return { client: endOf(client, CLIENT_PORT), local: endOf(local, LOCAL_PORT) };
    },
    clientAddress(connection) {
      if (isInspected && first[STANDS_FOR] !== 0) native.standFor();
      return native.clientAddress(connection);
    },
  };
}
