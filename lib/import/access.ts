// Rules of which the first that matches decides → lists of which the longest network does. Networks lie in each other or apart; so once
// the rules that an earlier one leaves nothing to are gone, both ways say the same.
import { networkOf, type Network } from '../../config/networks.ts';

export interface Rule {
  readonly action: 'allow' | 'deny';
  /** null: everybody. */
  readonly networks: readonly string[] | null;
  /** Whoever is in none of them. */
  readonly negated: boolean;
}

export type Access =
  | { readonly kind: 'everybody' }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'too many' }
  | { readonly kind: 'lists'; readonly allow: string[] | null; readonly deny: string[] };

/** As many as bal takes. */
const MAX_NETWORKS = 10_000;
/** Networks of a rule that are compared with those of others. */
const MAX_PAIRS = 1_000_000;

interface Entry {
  readonly action: Rule['action'];
  readonly network: Network;
  readonly text: string;
}

interface Ordered {
  readonly entries: readonly Entry[];
  readonly otherwise: Rule['action'];
}

/** Whom one of the sets allows, or says nothing of, the next one decides about. */
export function accessOf(...sets: readonly (readonly Rule[])[]): Access {
  let next: Ordered = { entries: [], otherwise: 'allow' };
  for (const rules of sets.toReversed()) {
    const allowed = next;
    for (const rule of rules.toReversed()) {
      const matched = rule.action === 'allow' ? allowed : DENIED;
      const inside = rule.negated ? next : matched;
      const pairs = (rule.networks?.length ?? 0) * inside.entries.length;
      if (pairs > MAX_PAIRS || next.entries.length > 2 * MAX_NETWORKS) return { kind: 'too many' };
      next = split(rule.networks, inside, rule.negated ? matched : next);
    }
  }
  return listsOf(next);
}

const DENIED: Ordered = { entries: [], otherwise: 'deny' };

/** Whether clients without an address may come, as those of a Unix socket. */
export function unaddressedMay(...sets: readonly (readonly Rule[])[]): boolean {
  const first = (rules: readonly Rule[]): Rule | undefined =>
    rules.find(({ networks, negated }) => (networks === null) !== negated);
  return sets.every((rules) => first(rules)?.action !== 'deny');
}

/** For those who are in the networks as `inside` says, for all others as `outside` does. */
function split(networks: Rule['networks'], inside: Ordered, outside: Ordered): Ordered {
  if (networks === null) return inside;
  const own = networks.flatMap((text) => {
    const network = networkOf(text);
    return network === null ? [] : [{ action: inside.otherwise, network, text }];
  });
  const within = inside.entries.flatMap((entry) => own.flatMap((outer) => common(entry, outer)));
  return { entries: [...within, ...own, ...outside.entries], otherwise: outside.otherwise };
}

/** The rule of `entry` for those who are in `outer`, too. */
function common(entry: Entry, outer: Entry): Entry[] {
  const [small, large] = entry.network.prefix >= outer.network.prefix ? [entry, outer] : ([outer, entry] as const);
  return keyAt(small.network, large.network.prefix) === keyAt(large.network, large.network.prefix)
    ? [{ ...small, action: entry.action }]
    : [];
}

function keyAt({ bytes }: Network, prefix: number): string {
  const whole = prefix >> 3;
  const rest = prefix & 7;
  const last = rest === 0 ? 0 : (bytes[whole] ?? 0) & (0xff << (8 - rest));
  return `${bytes.subarray(0, whole).join('.')}/${last}/${prefix}`;
}

/** Whether the network lies in one of those, or is one. */
function liesIn(network: Network, keys: ReadonlySet<string>): boolean {
  for (let prefix = network.prefix; prefix >= 0; prefix--) if (keys.has(keyAt(network, prefix))) return true;
  return false;
}

function listsOf({ entries, otherwise }: Ordered): Access {
  const seen = new Set<string>();
  const alive = entries.filter(({ network }) => {
    if (liesIn(network, seen)) return false;
    seen.add(keyAt(network, network.prefix));
    return true;
  });
  const keysOf = (action: Rule['action']): Set<string> =>
    new Set(alive.filter((it) => it.action === action).map(({ network }) => keyAt(network, network.prefix)));
  // An exception is one only within what it is an exception of.
  const other = otherwise === 'allow' ? 'deny' : 'allow';
  const main = keysOf(other);
  const exceptions = alive.filter(({ action, network }) => action === otherwise && liesIn(network, main));
  const [textsOther, textsExceptions] = [alive.filter(({ action }) => action === other), exceptions].map((list) =>
    list.map(({ text }) => text),
  );
  const [others = [], kept = []] = [textsOther, textsExceptions];
  if (others.length + kept.length > MAX_NETWORKS - 1) return { kind: 'too many' };
  if (otherwise === 'deny')
    return others.length === 0 ? { kind: 'nobody' } : { kind: 'lists', allow: others, deny: kept };
  if (others.length === 0) return { kind: 'everybody' };
  return { kind: 'lists', allow: kept.length === 0 ? null : ['::/0', ...kept], deny: others };
}
