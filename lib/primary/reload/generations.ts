// The plans that have workers, by generation. Owns the generation numbers. Each plan that will get workers takes the next number,
// even if the reload fails later, so a worker's number always identifies its plan.

import type { Plan } from '../../../config/plan.ts';

export interface Generations {
  /** Adds a plan that will get workers. Returns its number. */
  add(plan: Plan): number;
  /** Replaces the plan of a generation's workers by one that differs only in the backends. */
  replace(number: number, plan: Plan): void;
  planOf(number: number): Plan | undefined;
  plans(): Iterable<Plan>;
  /** Forgets all others. */
  keepOnly(numbers: ReadonlySet<number>): void;
}

/** Numbers begin after `last`. */
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
