// How many connections lead to each endpoint, and how many clients of each service wait. Where the workers share memory
// and somebody asks for it, these are the numbers of all workers, exact; else this worker's own and what was last heard
// of the others. Nobody asks where no limit and no choice depends on them: to count for all costs a short connection
// four atomic operations on lines of memory that all workers write.
//
// In shared memory one more is first counted among all and then in this worker's part, and taken back the other way
// round: whoever dies in between leaves one too many and never one too few, which the primary finds
// (lib/primary/scoreboard/shared-loads.ts).

import { grown } from '../grown.ts';
import type { Board } from './scoreboard.ts';

/** By small ids. */
export interface SharedCounts {
  /** Counts in shared memory from now on, where there is any; what this worker has is added to it. */
  share(): void;
  /** Those of all workers. */
  of(id: number): number;
  /** The same by id, as far as it goes, for who looks at many. To be taken anew each time. */
  readonly all: Int32Array;
  /** This worker's. */
  own(id: number): number;
  /** Makes room for it. */
  reserve(id: number): void;
  /** One more of this worker's; false, and nothing has changed, where all have `most` already. 0: any number. */
  take(id: number, most: number): boolean;
  release(id: number): void;
  /** What the others have, as last counted. */
  setOthers(id: number, others: number): void;
  /** Its id may be another one's next. */
  forget(id: number): void;
}

/** In shared memory, after share(), they are `size` numbers from `at` on; ids beyond are counted as without it. */
export function createSharedCounts(board: Board | null, at: number, size: number): SharedCounts {
  const all = board?.all ?? new Int32Array();
  const part = board?.own ?? new Int32Array();
  const seen = all.subarray(at, at + size);
  /** Ids below are counted there. */
  let shared = 0;
  let own = new Int32Array();
  let others = new Int32Array();
  /** What is not shared: own and others. */
  let sums = new Int32Array();

  function of(id: number): number {
    return id < shared ? (seen[id] ?? 0) : (sums[id] ?? 0);
  }

  /** Among all; two workers may want the last one at once. */
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
