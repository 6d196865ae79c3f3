// Draws two endpoints by weight and picks the one with fewer connections for its weight. If both have the same load (with short
// connections mostly none) it picks the one chosen less often for its weight, so that the shares follow the weights, and not
// only in the long run.

import type { Candidate, Picker } from './picker.ts';
import { isFirstInLine, isFree } from './picker.ts';

/** Draws for the first one, as full or just failed ones are drawn again. If nearly all are, searching all is cheaper. */
const DRAWS = 16;
/** Draws for the second one, which must differ from the first. */
const OTHER_DRAWS = 4;

export function createRandom(random: () => number = Math.random): Picker {
  let endpoints: readonly Candidate[] = [];
  /** Places of those first in line. */
  let places = new Int32Array();
  /** By index in `places`: the chance that a draw keeps this index; else it moves to the other (Walker's alias table). */
  let chances = new Float64Array();
  let others = new Int32Array();
  /** By index in `places`: how often it was chosen from this list. */
  let chosen = new Float64Array();

  /** Draws an index in `places`. */
  function draw(): number {
    const at = random() * places.length;
    const index = Math.floor(at);
    return at - index < (chances[index] ?? 1) ? index : (others[index] ?? index);
  }

  function at(index: number): Candidate | undefined {
    return endpoints[places[index] ?? -1];
  }

  function drawFree(ask: Parameters<Picker['pick']>[0], not: number, draws: number): number {
    for (let left = draws; left > 0; left--) {
      const index = draw();
      const endpoint = at(index);
      if (index !== not && endpoint !== undefined && isFree(endpoint, ask)) return index;
    }
    return -1;
  }

  return {
    from: 0,
    use(list, tier) {
      endpoints = list;
      const inLine = [...list.keys()].filter((place) => list[place] !== undefined && isFirstInLine(list[place], tier));
      places = Int32Array.from(inLine);
      chosen = new Float64Array(inLine.length);
      const weights = inLine.map((place) => list[place]?.weight ?? 0);
      ({ chances, others } = aliasTable(weights));
    },
    pick(ask) {
      const one = drawFree(ask, -1, places.length === 0 ? 0 : DRAWS);
      if (one < 0) return -1;
      const other = drawFree(ask, one, places.length === 1 ? 0 : OTHER_DRAWS);
      const [a, b] = [at(one), at(other)];
      if (a === undefined) return -1;
      let winner = one;
      if (b !== undefined) {
        const difference = ask.loads.of(a.id) / a.weight - ask.loads.of(b.id) / b.weight;
        const before = (chosen[one] ?? 0) / a.weight - (chosen[other] ?? 0) / b.weight;
        if (difference > 0 || (difference === 0 && before > 0)) winner = other;
      }
      chosen[winner] = (chosen[winner] ?? 0) + 1;
      return places[winner] ?? -1;
    },
    // Taking the lowest of these is a draw by weight.
    rank: (place) => -Math.log(1 - random()) / (endpoints[place]?.weight ?? 1),
    chose: () => undefined,
  };
}

/** Vose's algorithm. */
function aliasTable(weights: readonly number[]): {
  readonly chances: Float64Array<ArrayBuffer>;
  readonly others: Int32Array<ArrayBuffer>;
} {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const chances = Float64Array.from(weights, (weight) => (weight * weights.length) / sum);
  const others = Int32Array.from(weights.keys());
  const poor = [...weights.keys()].filter((i) => (chances[i] ?? 0) < 1);
  const rich = [...weights.keys()].filter((i) => (chances[i] ?? 0) >= 1);
  while (poor.length > 0 && rich.length > 0) {
    const [less, more] = [poor.pop() ?? 0, rich.at(-1) ?? 0];
    others[less] = more;
    chances[more] = (chances[more] ?? 0) - (1 - (chances[less] ?? 0));
    if ((chances[more] ?? 0) >= 1) continue;
    rich.pop();
    poor.push(more);
  }
  // The remaining chances differ from 1 only by rounding.
  for (const i of [...poor, ...rich]) chances[i] = 1;
  return { chances, others };
}
