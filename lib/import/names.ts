// Of routes by server name and protocol the first that matches decides there, the most specific one here: what an earlier one leaves
// nothing to is taken away, and then both ways lead to the same.

/** Whole, without a wildcard. */
export const SERVER_NAME = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

export interface Asked {
  readonly names: readonly string[];
  readonly protocols: readonly string[];
}

/** Names and protocols are a pair; '' is any. */
export class Claims {
  readonly #taken = new Set<string>();
  /** Every name, or wildcard, that was claimed for any protocol. */
  readonly #names = new Set<string>();

  /** What is left of it; null: nothing. */
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

  /** By itself, or by a wildcard. */
  #isCovered(name: string): boolean {
    if (this.#names.has(name)) return true;
    const bare = name.replace(/^\*\./, '');
    const labels = bare.split('.');
    const from = name === bare ? 1 : 0;
    return labels.some((_label, i) => i >= from && this.#names.has(`*.${labels.slice(i).join('.')}`));
  }
}
