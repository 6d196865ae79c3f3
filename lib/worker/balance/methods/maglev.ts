// The lookup table of Maglev ("Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, 3.4): each member goes
// through the entries in an order of its own and takes its next free one when it has its turn. So all have their share, and
// when a member leaves, nearly all entries of the others stay theirs.

import { hashOf, mix } from './hash.ts';
import { createTurns } from './turns.ts';

/** A prime, so that every order goes through all entries. More than a hundred times as many as most services have backends. */
export const ENTRIES = 65_537;

export interface Member {
  readonly name: string;
  /** Above 0. */
  readonly weight: number;
}

const FREE = 0xffff;

/** Which member each entry belongs to. The order of the members decides who is first: whoever must agree sorts them. */
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

  // Also a member whose share would be less than an entry has one.
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
