// How many came in the last second, in two numbers that all workers may share: the second we are in and how many came in
// it, and the same of the one before. Of that one as much counts as still lies within the last second, as if they had come
// evenly. Exact but for the moment in which a second begins, when a few may come twice.

const SHIFT = 20;
const COUNT = (1 << SHIFT) - 1;
/** Seconds have 11 bits; what was left for so long (34 minutes) that they begin anew is long forgotten. */
const SECONDS = (1 << 11) - 1;

/** One more, at `now` in ms of a clock that all share; false, and nothing has changed, where `most` have come. */
export function takeRate(words: Int32Array, at: number, most: number, now: number): boolean {
  const second = Math.floor(now / 1000);
  for (;;) {
    const its = Atomics.load(words, at);
    const ahead = ((its >>> SHIFT) - second) & SECONDS;
    // The clock of whoever wrote it may be ahead by microseconds; nobody goes back.
    if (ahead > 1) {
      const begun = (second & SECONDS) << SHIFT;
      if (Atomics.compareExchange(words, at, its, begun) === its) Atomics.store(words, at + 1, its);
      continue;
    }
    const past = Atomics.load(words, at + 1);
    const before = past >>> SHIFT === ((second + ahead - 1) & SECONDS) ? past & COUNT : 0;
    const left = ahead === 1 ? 1 : 1 - now / 1000 + second;
    if ((its & COUNT) + before * left >= most) return false;
    if (Atomics.compareExchange(words, at, its, its + 1) === its) return true;
  }
}

/** Nothing of it counts any more. */
export function isRateOver(words: Int32Array, at: number, now: number): boolean {
  const its = Atomics.load(words, at);
  const age = (Math.floor(now / 1000) - (its >>> SHIFT)) & SECONDS;
  return its === 0 || (age > 1 && age < SECONDS);
}
