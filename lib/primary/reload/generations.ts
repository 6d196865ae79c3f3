// The plans that have workers, by generation. Owner of the numbers: each plan that is to get workers takes the next one,
// also when it is given up later, so that the number of a worker always tells its plan.

import type { Plan } from '../../../config/plan.ts';

export interface Generations {
  /** The number of a plan that is to get workers. */
  add(plan: Plan): number;
  /** Its workers are to serve another plan, which differs in the backends only. */
  replace(number: number, plan: Plan): void;
  planOf(number: number): Plan | undefined;
  /** All that are kept. */
  plans(): Iterable<Plan>;
  /** Forgets all others. */
  keepOnly(numbers: ReadonlySet<number>): void;
}

/** Plans get numbers above `last`. */
export function createGenerations(last = 0): Generations {
  const plans = new Map<number, Plan>();
  return {
    add(plan) {
      plans.set(++last, plan);
      return last;
    },
    replace: (number, plan) => void plans.set(number, plan),
    planOf: (number) => plans.get(number),
    plans: () => plans.values(),
    keepOnly(numbers) {
      for (const number of plans.keys()) if (!numbers.has(number)) plans.delete(number);
    },
  };
}
