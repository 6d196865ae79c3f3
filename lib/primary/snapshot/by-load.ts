// Which services choose backends by the number of connections.

import type { Plan, ServicePlan } from '../../../config/plan.ts';

/** Whether workers need each other's connection counts, from shared memory or from snapshots. */
export function countsLoads({ method, backends }: Pick<ServicePlan, 'method' | 'backends'>): boolean {
  return (
    method === 'least_connections' || method === 'random' || backends.some(({ maxConnections }) => maxConnections > 0)
  );
}

export function balancesByLoad({ services }: Plan): boolean {
  return services.some(countsLoads);
}
