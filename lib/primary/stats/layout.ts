import type { ServicePlan } from '../../../config/plan.ts';

/** What the positions of a worker's report mean: fixed for its life. */
export interface Layout {
  readonly services: readonly string[];
  /** By backend id; `service` is an index into `services`. */
  readonly backends: readonly { readonly service: number; readonly address: string }[];
}

/** The layout of workers forked for `services`: backend ids count through all services in order, as in the table. */
export function layoutOf(services: readonly ServicePlan[]): Layout {
  return {
    services: services.map(({ name }) => name),
    backends: services.flatMap(({ backends }, service) => backends.map(({ address }) => ({ service, address }))),
  };
}
