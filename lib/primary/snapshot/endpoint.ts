// Builds an endpoint's snapshot from its plan and the state of its backend.

import type { BackendPlan, ServicePlan } from '../../../config/plan.ts';
import { sendProxyOf } from '../../../config/plan.ts';
import type { EndpointSnapshot } from '../../ipc/snapshot.ts';
import { RANKS, TIER_BACKUP } from '../../ipc/snapshot.ts';
import type { Registry } from '../registry.ts';
import type { Services } from '../upstream/services.ts';

/** `isLast`: see Services.endpoint(). */
export function endpointSnapshot(
  { registry, services }: { readonly registry: Registry; readonly services: Services },
  plan: ServicePlan,
  backend: BackendPlan,
  isLast: boolean,
): EndpointSnapshot {
  const { name } = plan;
  const { address, port, sources, weight, backup, rank, maxConnections } = backend;
  const { ip, tier, onProbation, provenAt, tenths } = services.endpoint(name, address, isLast);
  return {
    id: registry.endpoint(name, address),
    service: registry.service(name),
    name: address,
    ip,
    port,
    sources,
    tier: tier + (backup ? TIER_BACKUP + rank / RANKS : 0),
    weight: (weight * tenths) / 10,
    maxConnections,
    sendProxy: sendProxyOf(plan, backend),
    onProbation,
    provenAt,
  };
}
