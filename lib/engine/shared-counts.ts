// Counts connections by endpoint, and waiting clients by service. Where the workers share memory and share() was
// called, the counts are those of all workers, exact. Otherwise they are this worker's own plus what was last reported
// of the others. share() is only called where a limit or a choice depends on them: counting for all costs a short
// connection four atomic operations on cache lines that all workers write.
//
// In shared memory an increment goes first to the common part and then to this worker's part, and a decrement the other
// way round. A worker that dies in between leaves a count too high and never too low, which the primary repairs
// (lib/primary/scoreboard/shared-loads.ts).

import { grown } from '../grown.ts';
import type { Board } from './scoreboard.ts';

/** Counts by small ids. */
export interface SharedCounts {
  /** Counts in shared memory from now on, if there is any, and adds this worker's counts to it. */
  share(): void;
  /** The count of all workers. */
  of(id: number): number;
  /** The same by id, as far as it goes, for looking at many. Get it anew each time. */
  readonly all: Int32Array;
  /** This worker's count. */
  own(id: number): number;
  /** Makes room for the id. */
  reserve(id: number): void;
  /** Adds one for this worker. False without a change if all together have `most` already. 0: no limit. */
  take(id: number, most: number): boolean;
  release(id: number): void;
  /** Sets the other workers' count as last reported. */
  setOthers(id: number, others: number): void;
  /** Forgets the others' count, because the id may be reused. */
  forget(id: number): void;
}

/** After share() the counts are `size` numbers from `at` on in shared memory. Higher ids are not shared. */
export function createSharedCounts(board: Board | null, at: number, size: number): SharedCounts {
  const all = board?.all ?? new Int32Array();
  const part = board?.own ?? new Int32Array();
  const seen = all.subarray(at, at + size);
  /** Ids below this are counted in shared memory. */
  let shared = 0;
  let own = new Int32Array();
  let others = new Int32Array();
  /** own + others, for counts that are not shared. */
  let sums = new Int32Array();

  function of(id: number): number {
    return id < shared ? (seen[id] ?? 0) : (sums[id] ?? 0);
  }

  /** Adds one in the common part. Compare-and-exchange, because two workers may want the last place at once. */
  function takeShared(id: number, most: number): boolean {
    if (most === 0) {
      Atomics.add(all, at + id, 1);
    } else {
      for (let count = Atomics.load(all, at + id); ;) {
        if (count >= most) return false;
        const before = Atomics.compareExchange(all, at + id, count, count + 1);
        if (before === count) break;
        count = before;
      }
    }
    Atomics.add(part, at + id, 1);
    return true;
  }

  return {
    share() {
      if (board === null || shared > 0) return;
      shared = size;
      for (const [id, count] of own.subarray(0, shared).entries()) {
        if (count === 0) continue;
        Atomics.add(all, at + id, count);
        Atomics.add(part, at + id, count);
      }
    },
    of,
    get all() {
      return shared > 0 ? seen : sums;
    },
    own: (id) => own[id] ?? 0,
    reserve(id) {
      own = grown(own, id);
      others = grown(others, id);
      sums = grown(sums, id);
    },
    take(id, most) {
      if (id < shared) {
        if (!takeShared(id, most)) return false;
      } else if (most > 0 && of(id) >= most) {
        return false;
      }
      own[id] = (own[id] ?? 0) + 1;
      sums[id] = (sums[id] ?? 0) + 1;
      return true;
    },
    release(id) {
      own[id] = (own[id] ?? 0) - 1;
      sums[id] = (sums[id] ?? 0) - 1;
      if (id >= shared) return;
      Atomics.sub(part, at + id, 1);
      Atomics.sub(all, at + id, 1);
    },
    setOthers(id, count) {
      if (id >= others.length) return;
      others[id] = count;
      sums[id] = (own[id] ?? 0) + count;
    },
    forget(id) {
      others[id] = 0;
      sums[id] = own[id] ?? 0;
    },
  };
}
