// "Did you mean …?" Pure text.

/** Returns the candidate that `word` most likely misspells, or null. */
export function closest(word: string, candidates: readonly string[]): string | null {
  const typed = normalise(word);
  const holder = soleHolder(typed, candidates);
  if (holder !== null) return holder;
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = editDistance(typed, normalise(candidate));
    if (distance < least && distance <= allowance(candidate)) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** With more than two slips it is another word: `max_connections` is no misspelt `log_connections`. */
function allowance(candidate: string): number {
  return candidate.length > 5 ? 2 : 1;
}

/** Turns bindAddress, bind-address and BIND_ADDRESS into bind_address. */
function normalise(word: string): string {
  return word
    .slice(0, 64)
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase();
}

/**
 * `idle_timeout` → `connection_idle_timeout_ms`: returns the only candidate that contains all typed words or their
 * continuations; of several the shortest, if unique.
 */
function soleHolder(typed: string, candidates: readonly string[]): string | null {
  const words = typed.split('_');
  if (words.length < 2 || words.includes('')) return null;
  const holders = candidates.filter((candidate) => {
    const has = candidate.split('_');
    return words.every((word) => has.some((whole) => whole.startsWith(word)));
  });
  const lengthOf = (candidate: string): number => candidate.split('_').length;
  const least = Math.min(...holders.map(lengthOf));
  const [first = null, ...more] = holders.filter((candidate) => lengthOf(candidate) === least);
  return more.length === 0 ? first : null;
}

/** Counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let twoBack: number[] = [];
  let oneBack = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(oneBack, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min(at(row, j - 1) + 1, at(oneBack, j) + 1, replaced);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) distance = Math.min(distance, at(twoBack, j - 2) + 1);
      row.push(distance);
    }
    twoBack = oneBack;
    oneBack = row;
  }
  return at(oneBack, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
