// What a worker does not know yet. Pure, but for what the worker was sent, which is kept up to date here.

import type { EndpointSnapshot, ServiceSnapshot, Snapshot } from '../../ipc/snapshot.ts';

/** All that is true of the services of one plan. An object stays the same as long as what it says does. */
export interface Truth {
  readonly services: readonly ServiceSnapshot[];
  readonly endpoints: readonly EndpointSnapshot[];
}

/** What a worker was sent last, by id. */
export interface Sent {
  readonly services: Map<number, ServiceSnapshot>;
  readonly endpoints: Map<number, EndpointSnapshot>;
  readonly remote: Map<number, number>;
}

export function nothingSent(): Sent {
  return { services: new Map(), endpoints: new Map(), remote: new Map() };
}

/**
 * `remoteOf`: connections of all other workers to an endpoint, or null where nobody balances by them. Null: there is nothing to
 * tell. An endpoint that is retired stays sent until the worker says that it uses it no longer.
 */
export function difference(
  truth: Truth,
  sent: Sent,
  remoteOf: (endpoint: EndpointSnapshot) => number | null,
): Snapshot | null {
  const endpoints = truth.endpoints.filter((endpoint) => sent.endpoints.get(endpoint.id) !== endpoint);
  for (const endpoint of endpoints) sent.endpoints.set(endpoint.id, endpoint);
  const services = truth.services.filter((service) => sent.services.get(service.id) !== service);
  for (const service of services) sent.services.set(service.id, service);
  const remote: number[] = [];
  for (const endpoint of truth.endpoints) {
    const count = remoteOf(endpoint);
    if (count === null || count === (sent.remote.get(endpoint.id) ?? 0)) continue;
    sent.remote.set(endpoint.id, count);
    remote.push(endpoint.id, count);
  }
  return endpoints.length + services.length + remote.length === 0 ? null : { services, endpoints, remote };
}
