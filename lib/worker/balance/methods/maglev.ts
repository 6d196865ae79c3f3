// The lookup table of Maglev ("Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, 3.4): each member has its
// own permutation of the entries and takes its next free one on its turn. So each gets its share, and when a member leaves,
// nearly all entries of the others stay theirs.

import { hashOf, mix } from './hash.ts';
import { createTurns } from './turns.ts';

/** A prime, so that every permutation covers all entries. More than a hundred times the backends of most services. */
export const ENTRIES = 65_537;

export interface Member {
  readonly name: string;
  /** Above 0. */
  readonly weight: number;
}

const FREE = 0xffff;

/** Returns the member of each entry. The members' order decides who goes first: callers that must agree have to sort them. */
export function maglevTable(members: readonly Member[]): Uint16Array {
  const table = new Uint16Array(ENTRIES).fill(FREE);
  const skips = members.map(({ name }) => 1 + (mix(hashOf(name) ^ 0x736b6970) % (ENTRIES - 1)));
  const next = Int32Array.from(members, ({ name }) => hashOf(name) % ENTRIES);

  function take(member: number): void {
    const skip = skips[member] ?? 1;
    let entry = next[member] ?? 0;
    while (table[entry] !== FREE) entry = entry + skip < ENTRIES ? entry + skip : entry + skip - ENTRIES;
    table[entry] = member;
    next[member] = entry;
  }

  // Even a member whose share is less than one entry gets one.
  for (const member of members.keys()) take(member);
  const turns = createTurns();
  turns.arrange(
    members.map(({ weight }, id) => ({ id, weight })),
    () => true,
  );
  const hadFirst = new Uint8Array(members.length);
  for (let left = members.length === 0 ? 0 : ENTRIES - members.length; left > 0;) {
    const member = turns.first();
    turns.pass(member);
    if (hadFirst[member] === 0) {
      hadFirst[member] = 1;
      continue;
    }
    take(member);
    left--;
  }
  return table;
}
