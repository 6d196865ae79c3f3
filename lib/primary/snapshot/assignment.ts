// Builds the assignment that the workers of a plan get once, at their start.

import { connectionsCarried } from '../../../config/advice.ts';
import { thisMachine } from '../../../config/machine.ts';
import type { LogConnections, LogLevel, Plan } from '../../../config/plan.ts';
import type { Assignment } from '../../ipc/assignment.ts';
import type { PermitBook } from '../limits/permits.ts';
import type { Registry } from '../registry.ts';
import type { Statistics } from '../stats/statistics.ts';
import { serviceSum } from '../stats/totals.ts';

/** Workers inherit the primary's descriptor limit. */
const { descriptors } = thisMachine();

export interface AssignmentSources {
  readonly registry: Registry;
  readonly permits: PermitBook;
  readonly statistics: Statistics;
}

export function assignmentFor(plan: Plan, { registry, permits, statistics }: AssignmentSources): Assignment {
  return {
    logConnections: recordsAt(plan.logLevel, plan.logConnections),
    carries: descriptors === null ? null : connectionsCarried(descriptors, plan.services.length),
    services: plan.services.map((service) => ({
      id: registry.service(service.name),
      name: service.name,
      method: service.method,
      runtime: service.runtime,
      access: service.access,
      preamble: [service, ...service.backends].some(({ sendProxy }) => sendProxy !== null && sendProxy !== 'none'),
      start: serviceSum(statistics.totals, service.name).clients.accepted_total,
      pool: permits.poolOf(service),
    })),
  };
}

/** Records of failed connections are warnings, all others info. A stricter log level drops them. */
export function recordsAt(level: LogLevel, wanted: LogConnections): LogConnections {
  if (level === 'error') return 'none';
  return level === 'warn' && wanted === 'all' ? 'failed' : wanted;
}
