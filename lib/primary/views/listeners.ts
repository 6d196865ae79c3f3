// Listeners that several services share: reports the clients that have no service, or are not assigned to one yet.

import { routedListeners } from '../../../config/listeners.ts';
import type { ListenerStatus } from '../../control/listeners.ts';
import type { ServiceCounts } from '../stats/totals.ts';
import { serviceSum } from '../stats/totals.ts';
import { REASONS } from '../../ipc/reasons.ts';
import type { Observed } from './observed.ts';

export function listenersStatus({ plan, statistics }: Pick<Observed, 'plan' | 'statistics'>): ListenerStatus[] {
  return routedListeners(plan).map(({ address, services }) => {
    const { clients } = serviceSum(statistics.totals, address);
    return {
      address,
      services,
      active_connections: clients.active,
      ends: endsOf(clients),
      recent: statistics.recent(address, null),
    };
  });
}

/** Connections by the reason of their end. */
export function endsOf(clients: ServiceCounts): Record<string, number> {
  return Object.fromEntries(REASONS.map((reason) => [reason, clients[`ended_${reason}_total`]]));
}
