// Picks by the client's address, through a table made only from the configuration's addresses and weights, not from health or
// arrival order. So every instance with the same configuration sends a client to the same backend, also after a restart. While
// that backend is down or full, further hashes of the client choose another: its clients spread over all others, and come back.

import { TIER_BACKUP } from '../../../ipc/snapshot.ts';
import { hashOf, hashOfClient, mix } from './hash.ts';
import type { Member } from './maglev.ts';
import { ENTRIES, maglevTable } from './maglev.ts';
import type { Candidate, Picker } from './picker.ts';
import { isFirstInLine, isFree } from './picker.ts';

/** Table entries probed per client; if half of the backends are down, one client in 65,536 needs more. */
const PROBES = 16;
const STEP = 0x9e3779b9;

export function createSourceHash(): Picker {
  let endpoints: readonly Candidate[] = [];
  let first = Infinity;
  let members: readonly Member[] = [];
  let table: ReturnType<typeof maglevTable> = new Uint16Array();
  /** By member: its place among the endpoints. */
  let places = new Int32Array();
  /** Hashes of the endpoints' names. */
  let hashes: readonly number[] = [];
  /** Hash of the client of the last pick(). */
  let client = 0;

  return {
    from: 0,
    use(list, tier) {
      endpoints = list;
      first = tier;
      hashes = list.map(({ name }) => hashOf(name));
      const inTable = [...list.keys()].filter((place) => list[place] !== undefined && isMember(list[place]));
      const entries = inTable
        .map((place) => ({ place, name: list[place]?.name ?? '', weight: list[place]?.weight ?? 0 }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      places = Int32Array.from(entries, ({ place }) => place);
      // Building the table takes milliseconds, and health changes often.
      const isSame =
        entries.length === members.length &&
        entries.every(({ name, weight }, i) => members[i]?.name === name && members[i].weight === weight);
      if (isSame) return;
      members = entries.map(({ name, weight }) => ({ name, weight }));
      table = maglevTable(members);
    },
    pick(ask) {
      client = hashOfClient(ask.clientAddress(ask.connection));
      // Backups are not in the table: rank() decides.
      if (places.length === 0 || first % 2 >= TIER_BACKUP) return -1;
      for (let probe = 0, hash = client; probe < PROBES; probe++, hash = mix(client + Math.imul(probe, STEP))) {
        const place = places[table[hash % ENTRIES] ?? 0] ?? -1;
        const endpoint = endpoints[place];
        if (endpoint !== undefined && isFirstInLine(endpoint, first) && isFree(endpoint, ask)) return place;
      }
      return -1;
    },
    /** Taking the lowest is a draw by weight (rendezvous hashing), the same one for the same client. */
    rank(place) {
      const number = mix(client ^ (hashes[place] ?? 0));
      return -Math.log((number + 1) / 2 ** 32) / (endpoints[place]?.weight ?? 1);
    },
    chose: () => undefined,
  };
}

/** Whether it belongs in the table. Backups, with their tiers from an odd one on, do not. */
function isMember({ weight, tier }: Candidate): boolean {
  return weight > 0 && tier % 2 < TIER_BACKUP;
}
