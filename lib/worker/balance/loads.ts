// How many connections lead to each endpoint. Owner of these numbers: the policy takes and releases, the choice reads. Where the
// workers share memory they are those of all workers, exact; else this worker's own and what was last heard of the others.
//
// In shared memory a connection is first counted among all and then in this worker's part, and taken back the other way round: whoever
// dies in between leaves one too many and never one too few, which the primary finds (lib/primary/scoreboard/shared-loads.ts).

import type { Board } from '../../engine/scoreboard.ts';
import { SHARED_ENDPOINTS } from '../../engine/scoreboard.ts';
import { grown } from '../../grown.ts';

export interface Loads {
  /** Connections of all workers to it. */
  of(endpoint: number): number;
  /** This worker's. */
  own(endpoint: number): number;
  /** Makes room for it. */
  reserve(endpoint: number): void;
  /** One more of this worker's; false, and nothing has changed, where all workers together have `most` already. 0: any number. */
  take(endpoint: number, most: number): boolean;
  release(endpoint: number): void;
  /** What the others have, as last counted. */
  heard(endpoint: number, others: number): void;
}

export function createLoads(board: Board | null): Loads {
  const all = board?.all ?? new Int32Array();
  const part = board?.own ?? new Int32Array();
  const shared = board === null ? 0 : SHARED_ENDPOINTS;
  let own = new Int32Array();
  let others = new Int32Array();

  function of(endpoint: number): number {
    return endpoint < shared ? (all[endpoint] ?? 0) : (own[endpoint] ?? 0) + (others[endpoint] ?? 0);
  }

  /** Among all; two workers may want the last one at once. */
  function takeShared(endpoint: number, most: number): boolean {
    if (most === 0) {
      Atomics.add(all, endpoint, 1);
    } else {
      for (let count = Atomics.load(all, endpoint); ;) {
        if (count >= most) return false;
        const before = Atomics.compareExchange(all, endpoint, count, count + 1);
        if (before === count) break;
        count = before;
      }
    }
    Atomics.add(part, endpoint, 1);
    return true;
  }

  return {
    of,
    own: (endpoint) => own[endpoint] ?? 0,
    reserve(endpoint) {
      own = grown(own, endpoint);
      others = grown(others, endpoint);
    },
    take(endpoint, most) {
      if (endpoint < shared) {
        if (!takeShared(endpoint, most)) return false;
      } else if (most > 0 && of(endpoint) >= most) {
        return false;
      }
      own[endpoint] = (own[endpoint] ?? 0) + 1;
      return true;
    },
    release(endpoint) {
      own[endpoint] = (own[endpoint] ?? 0) - 1;
      if (endpoint >= shared) return;
      Atomics.sub(part, endpoint, 1);
      Atomics.sub(all, endpoint, 1);
    },
    heard(endpoint, count) {
      if (endpoint < others.length) others[endpoint] = count;
    },
  };
}
