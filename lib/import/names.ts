// Routes by server name and protocol: there the first match decides, here the most specific one. Removing what earlier routes
// shadow makes both equal.

/** A complete name, without wildcard. */
export const SERVER_NAME = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

export interface Asked {
  readonly names: readonly string[];
  readonly protocols: readonly string[];
}

/** Tracks pairs of name and protocol; '' stands for any. */
export class Claims {
  readonly #taken = new Set<string>();
  /** Every name or wildcard that was claimed for any protocol. */
  readonly #names = new Set<string>();

  /** Returns what is left of the route, or null. */
  claim({ names, protocols }: Asked): Asked | null {
    const lower = [...new Set(names.map((name) => name.toLowerCase()))];
    const free = lower.length === 0 ? [''] : lower.filter((name) => !this.#isCovered(name));
    const wanted = protocols.length === 0 ? [''] : [...new Set(protocols)];
    const left = wanted.filter((protocol) => free.some((name) => !this.#taken.has(`${name} ${protocol}`)));
    const kept = free.filter((name) => left.every((protocol) => !this.#taken.has(`${name} ${protocol}`)));
    if (left.length === 0 || kept.length === 0) return null;
    for (const name of kept) {
      for (const protocol of left) this.#taken.add(`${name} ${protocol}`);
      if (left.includes('')) this.#names.add(name);
    }
    return { names: kept.filter((name) => name !== ''), protocols: left.filter((protocol) => protocol !== '') };
  }

  /** Whether the name itself or a wildcard over it is claimed. */
  #isCovered(name: string): boolean {
    if (this.#names.has(name)) return true;
    const bare = name.replace(/^\*\./, '');
    const labels = bare.split('.');
    const from = name === bare ? 1 : 0;
    return labels.some((_label, i) => i >= from && this.#names.has(`*.${labels.slice(i).join('.')}`));
  }
}
