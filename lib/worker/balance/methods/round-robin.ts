// Picks endpoints in turn, as often as their weights say. An endpoint that cannot be taken loses its turn, so that its neighbour
// does not get its share on top of its own.

import type { Candidate, Picker } from './picker.ts';
import { isFirstInLine, isFree } from './picker.ts';
import { createTurns } from './turns.ts';

/** Most turns to skip one by one. If nearly all are full or have just failed, searching all is cheaper. */
const PASSED_AT_MOST = 32;

/** `startOf`: the turn to begin with in a round of this length. */
export function createRoundRobin(startOf: (length: number) => number): Picker {
  let endpoints: readonly Candidate[] = [];
  let hasBegun = false;
  const turns = createTurns();

  return {
    from: 0,
    use(list, tier) {
      endpoints = list;
      turns.arrange(list, (place) => list[place] !== undefined && isFirstInLine(list[place], tier));
      if (hasBegun || turns.first() < 0) return;
      hasBegun = true;
      const inLine = list.filter((endpoint) => isFirstInLine(endpoint, tier));
      turns.skip(startOf(Math.round(inLine.reduce((sum, { weight }) => sum + weight, 0))));
    },
    pick(ask) {
      for (let left = PASSED_AT_MOST; left > 0; left--) {
        const place = turns.first();
        const endpoint = endpoints[place];
        if (endpoint === undefined) return -1;
        turns.pass(place);
        if (isFree(endpoint, ask)) return place;
      }
      return -1;
    },
    rank: (place) => turns.due(place),
    chose: (place) => turns.pass(place),
  };
}
