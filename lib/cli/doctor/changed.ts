// What an operator has changed of the backends while bal runs, as far as it matters for whether they can be reached.

import type { BackendPlan, ServicePlan } from '../../../config/plan.ts';
import { backendAt } from '../../../config/backend-at.ts';
import type { LiveChange } from '../../control/backends.ts';

/** Returns the service with the backends that bal uses: without those removed, and with those added by 'bal backend'. */
export function asChanged(service: ServicePlan, changes: readonly LiveChange[]): ServicePlan {
  const its = changes.filter((change) => change.service === service.name);
  const is = (kind: LiveChange['kind'], address: string): boolean =>
    its.some((change) => change.kind === kind && change.address === address);
  const left = service.backends.filter(({ address }) => !is('removed', address));
  const added = its.flatMap((change): BackendPlan[] => {
    const isNew = change.kind === 'added' && !left.some(({ address }) => address === change.address);
    const backend = isNew ? backendAt(change.address) : null;
    return backend === null ? [] : [backend];
  });
  return { ...service, backends: [...left, ...added] };
}
