// What a worker does not know yet. Pure, but for what the worker was told, which is kept up to date here.

import type { EndpointSnapshot, ServiceSnapshot, Snapshot } from '../../ipc/snapshot.ts';

/** All that is true of the services of one plan. An object stays the same as long as what it says does. */
export interface Truth {
  readonly services: readonly ServiceSnapshot[];
  readonly endpoints: readonly EndpointSnapshot[];
}

/** What a worker was told last, by id. */
export interface Told {
  readonly services: Map<number, ServiceSnapshot>;
  readonly endpoints: Map<number, EndpointSnapshot>;
  readonly remote: Map<number, number>;
}

export function nothingTold(): Told {
  return { services: new Map(), endpoints: new Map(), remote: new Map() };
}

/**
 * `remoteOf`: connections of all other workers to an endpoint, or null where nobody balances by them. Null: there is nothing to
 * tell. An endpoint that is retired stays told until the worker says that it uses it no longer.
 */
export function difference(
  truth: Truth,
  told: Told,
  remoteOf: (endpoint: EndpointSnapshot) => number | null,
): Snapshot | null {
  const endpoints = truth.endpoints.filter((endpoint) => told.endpoints.get(endpoint.id) !== endpoint);
  for (const endpoint of endpoints) told.endpoints.set(endpoint.id, endpoint);
  const services = truth.services.filter((service) => told.services.get(service.id) !== service);
  for (const service of services) told.services.set(service.id, service);
  const remote: number[] = [];
  for (const endpoint of truth.endpoints) {
    const count = remoteOf(endpoint);
    if (count === null || count === (told.remote.get(endpoint.id) ?? 0)) continue;
    told.remote.set(endpoint.id, count);
    remote.push(endpoint.id, count);
  }
  return endpoints.length + services.length + remote.length === 0 ? null : { services, endpoints, remote };
}
