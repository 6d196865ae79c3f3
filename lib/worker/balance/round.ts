// The order in which endpoints with weights take their turns.

interface Weighted {
  readonly weight: number;
}

/**
 * A round in which each has as many turns as its weight says, spread as evenly as may be; those without weight have none. Of equal
 * weights it is the list itself. At most the sum of the weights long, 262,144 for 1,024 endpoints with all weights.
 */
export function roundOf<T extends Weighted>(list: readonly T[]): readonly T[] {
  const taking = list.filter(({ weight }) => weight > 0);
  const divisor = taking.reduce((common, { weight }) => greatestCommonDivisor(common, weight), 0);
  if (taking.every(({ weight }) => weight === divisor)) return taking;
  const turns = taking.flatMap((it, place) => {
    const count = it.weight / divisor;
    // In the middle of its part of the round; who has more turns is first with the first of them.
    return Array.from({ length: count }, (_, turn) => ({ it, place, at: (turn + 0.5) / count }));
  });
  turns.sort((a, b) => a.at - b.at || a.place - b.place);
  return turns.map(({ it }) => it);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
