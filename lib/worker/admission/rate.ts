// Counts arrivals in the last second in two words that all workers may share: the current second and its count, and the same
// for the second before. The previous count is weighted by the share of that second that is still within the window, as if
// arrivals were even. Exact except at the moment a second begins, when a few may count twice.

const SHIFT = 20;
const COUNT = (1 << SHIFT) - 1;
/** Seconds have 11 bits and wrap after 34 minutes; by then the old counts no longer matter. */
const SECONDS = (1 << 11) - 1;

/** Counts one more at `now` (ms of a shared clock); false, with nothing changed, if `most` have come. */
export function takeRate(words: Int32Array, at: number, most: number, now: number): boolean {
  const second = Math.floor(now / 1000);
  for (;;) {
    const its = Atomics.load(words, at);
    const ahead = ((its >>> SHIFT) - second) & SECONDS;
    // The last writer's clock may be microseconds ahead; never move the second back.
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

/** Whether none of its arrivals count any more. */
export function isRateOver(words: Int32Array, at: number, now: number): boolean {
  const its = Atomics.load(words, at);
  const age = (Math.floor(now / 1000) - (its >>> SHIFT)) & SECONDS;
  return its === 0 || (age > 1 && age < SECONDS);
}
