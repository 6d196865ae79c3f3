// Where workers choose by how many connections there are.

import type { Plan, ServicePlan } from '../../../config/plan.ts';

/** Workers have to know what the others have: in memory that they share, or because they hear of it. */
export function countsLoads({ method, backends }: Pick<ServicePlan, 'method' | 'backends'>): boolean {
  return (
    method === 'least_connections' || method === 'random' || backends.some(({ maxConnections }) => maxConnections > 0)
  );
}

export function balancesByLoad({ services }: Plan): boolean {
  return services.some(countsLoads);
}
