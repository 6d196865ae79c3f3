// Whether a balancer or keepalived in front should send clients here.

import type { Readiness } from '../control/protocol.ts';
import type { Instance } from './instance.ts';
import { upCount } from './pool.ts';

export function readinessOf({ phase, plan, services }: Instance): Readiness {
  const reasons: string[] = [];
  if (phase !== 'running' && phase !== 'reloading') reasons.push(`bal is ${phase}`);
  for (const { name } of plan.services) {
    const service = services.get(name);
    if (service === undefined || upCount(service.pool) === 0) reasons.push(`service ${name} has no backend that is up`);
  }
  return { ready: reasons.length === 0, reasons };
}
