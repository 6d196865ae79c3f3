// The order of a service's backends in `bal top`. Pure.

import type { BackendStatus, ServiceStatus } from '../../control/protocol.ts';
import type { History, Rates } from '../../control/rates.ts';
import { backendKey } from '../../control/rates.ts';
import { backendShown, worstFirst } from '../../view/state.ts';

/** `config`: as in the configuration. */
export const SORTS = ['worst', 'config', 'open', 'rate', 'traffic'] as const;
export type Sort = (typeof SORTS)[number];

export function sorted(history: History, service: ServiceStatus, sort: Sort): readonly BackendStatus[] {
  const { backends } = service;
  if (sort === 'config') return backends;
  if (sort === 'worst') return worstFirst(backends, backendShown);
  const rates = ({ address }: BackendStatus): Rates | undefined =>
    history.backends.get(backendKey(service.name, address));
  const value = (backend: BackendStatus): number => {
    const its = rates(backend);
    if (sort === 'open') return backend.active_connections ?? 0;
    return sort === 'rate' ? (its?.connections ?? 0) : (its?.bytesIn ?? 0) + (its?.bytesOut ?? 0);
  };
  return [...backends].sort((a, b) => value(b) - value(a));
}
