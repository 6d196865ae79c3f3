// Readiness: whether a load balancer or keepalived in front should send clients here.

import type { Readiness } from '../../control/protocol.ts';
import { phaseOf, type Observed } from './observed.ts';
import { countBackends } from '../upstream/pool.ts';

export function readinessOf(instance: Observed): Readiness {
  const { plan, services } = instance;
  const phase = phaseOf(instance);
  const reasons: string[] = [];
  if (phase !== 'running' && phase !== 'reloading') reasons.push(`bal is ${phase === 'draining' ? 'stopping' : phase}`);
  for (const { name } of plan.services) {
    const service = services.get(name);
    const up = service === undefined ? 0 : countBackends(service.pool).up;
    if (up === 0) reasons.push(`service ${name} has no backend that is up`);
  }
  return { ready: reasons.length === 0, reasons };
}
