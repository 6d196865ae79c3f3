// Converts first-match rules into lists in which the longest network decides. Two networks are nested or disjoint, so once the
// rules shadowed by earlier ones are gone, both say the same.
import { networkOf, type Network } from '../../config/networks.ts';

export interface Rule {
  readonly action: 'allow' | 'deny';
  /** Null: everybody. */
  readonly networks: readonly string[] | null;
  /** Matches those in none of the networks. */
  readonly negated: boolean;
}

export type Access =
  | { readonly kind: 'everybody' }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'too many' }
  | { readonly kind: 'lists'; readonly allow: string[] | null; readonly deny: string[] };

/** bal's limit. */
const MAX_NETWORKS = 10_000;
/** Limits the comparisons between the networks of one rule and those of others. */
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

/** Clients that one set allows, or does not mention, are judged by the next set. */
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

/** Whether clients without an address, as those of a Unix socket, may connect. */
export function unaddressedMay(...sets: readonly (readonly Rule[])[]): boolean {
  const first = (rules: readonly Rule[]): Rule | undefined =>
    rules.find(({ networks, negated }) => (networks === null) !== negated);
  return sets.every((rules) => first(rules)?.action !== 'deny');
}

/** Applies `inside` to addresses in the networks and `outside` to all others. */
function split(networks: Rule['networks'], inside: Ordered, outside: Ordered): Ordered {
  if (networks === null) return inside;
  const own = networks.flatMap((text) => {
    const network = networkOf(text);
    return network === null ? [] : [{ action: inside.otherwise, network, text }];
  });
  const within = inside.entries.flatMap((entry) => own.flatMap((outer) => common(entry, outer)));
  return { entries: [...within, ...own, ...outside.entries], otherwise: outside.otherwise };
}

/** Restricts the rule of `entry` to `outer`. */
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

/** Whether the network is, or lies in, one of those. */
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
  // An exception matters only within what it is an exception of.
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
