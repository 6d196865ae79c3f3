// Picks the endpoint that would have the fewest connections for its weight with this one; on a draw, the next one after the last
// pick. The counts are those of all workers and change at any time, so no order can be kept: each pick scans them anew, in flat
// arrays, and stops at the first endpoint that cannot be beaten.

import type { Candidate, Picker } from './picker.ts';
import { isFirstInLine, isFree } from './picker.ts';

/** `startOf`: the index to begin with in a list of this length. */
export function createLeastConnections(startOf: (length: number) => number): Picker {
  let endpoints: readonly Candidate[] = [];
  /** The endpoints first in line: places, ids, and the load of one connection there. */
  let places = new Int32Array();
  let ids = new Int32Array();
  let loadsEach = new Float64Array();
  /** The load of one connection on the heaviest endpoint: no pick can have less. */
  let least = 0;
  /** Index in those arrays at which the next search begins. */
  let begin = 0;
  let hasBegun = false;

  const picker = {
    from: 0,
    use(list: readonly Candidate[], tier: number) {
      endpoints = list;
      if (!hasBegun && list.length > 0) {
        hasBegun = true;
        picker.from = startOf(list.length);
      }
      const inLine = [...list.keys()].filter((place) => list[place] !== undefined && isFirstInLine(list[place], tier));
      places = Int32Array.from(inLine);
      ids = Int32Array.from(inLine, (place) => list[place]?.id ?? 0);
      loadsEach = Float64Array.from(inLine, (place) => 1 / (list[place]?.weight ?? 1));
      least = loadsEach.reduce((lowest, each) => Math.min(lowest, each), Infinity);
      begin = Math.max(
        0,
        inLine.findIndex((place) => place >= picker.from),
      );
    },
    pick(ask: Parameters<Picker['pick']>[0]) {
      const { loads } = ask;
      const counts = loads.all;
      const { length } = ids;
      let best = -1;
      let bestLoad = Infinity;
      for (let i = begin, left = length; left > 0; left--, i++) {
        if (i === length) i = 0;
        const id = ids[i] ?? 0;
        const load = ((id < counts.length ? (counts[id] ?? 0) : loads.of(id)) + 1) * (loadsEach[i] ?? 1);
        if (load >= bestLoad) continue;
        const endpoint = endpoints[places[i] ?? 0];
        if (endpoint === undefined || !isFree(endpoint, ask)) continue;
        best = i;
        bestLoad = load;
        if (load <= least) break;
      }
      if (best < 0) return -1;
      begin = best + 1 === length ? 0 : best + 1;
      const place = places[best] ?? 0;
      picker.from = place + 1;
      return place;
    },
    rank(place: number, { loads }: Parameters<Picker['rank']>[1]) {
      const endpoint = endpoints[place];
      return endpoint === undefined ? Infinity : (loads.of(endpoint.id) + 1) / endpoint.weight;
    },
    chose(place: number) {
      picker.from = place + 1;
    },
  };
  return picker;
}
