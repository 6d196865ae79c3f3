// What a worker does not know yet. Pure, except that it updates the record of what the worker was sent.

import type { EndpointSnapshot, ServiceSnapshot, Snapshot } from '../../ipc/snapshot.ts';

/** The current state of a service under one plan. An object is reused as long as its contents are the same. */
export interface ServiceTruth {
  readonly service: ServiceSnapshot;
  /** In round-robin order. */
  readonly endpoints: readonly EndpointSnapshot[];
}

/** What a worker was sent last, by id. */
export interface Sent {
  /** The last state sent in full, by service. Most changes concern one service, so the others are skipped by identity. */
  readonly truths: Map<number, ServiceTruth>;
  readonly services: Map<number, ServiceSnapshot>;
  readonly endpoints: Map<number, EndpointSnapshot>;
  readonly remote: Map<number, number>;
}

export function nothingSent(): Sent {
  return { truths: new Map(), services: new Map(), endpoints: new Map(), remote: new Map() };
}

/**
 * Returns what to send, or null for nothing, and records it as sent. `remoteOf` returns the connections of all other workers to
 * an endpoint. A retired endpoint stays in `sent` until the worker reports that it no longer uses it.
 */
export function difference(
  truths: readonly ServiceTruth[],
  sent: Sent,
  remoteOf: (endpoint: number) => number,
): Snapshot | null {
  const services: ServiceSnapshot[] = [];
  const endpoints: EndpointSnapshot[] = [];
  const remote: number[] = [];
  for (const truth of truths) {
    const { service } = truth;
    if (sent.truths.get(service.id) !== truth) {
      sent.truths.set(service.id, truth);
      const changed = truth.endpoints.filter((endpoint) => sent.endpoints.get(endpoint.id) !== endpoint);
      for (const endpoint of changed) sent.endpoints.set(endpoint.id, endpoint);
      endpoints.push(...changed);
      if (sent.services.get(service.id) !== service) services.push(service);
      sent.services.set(service.id, service);
    }
    for (const { id } of service.byLoad ? truth.endpoints : []) {
      const count = remoteOf(id);
      if (count === (sent.remote.get(id) ?? 0)) continue;
      sent.remote.set(id, count);
      remote.push(id, count);
    }
  }
  return endpoints.length + services.length + remote.length === 0 ? null : { services, endpoints, remote };
}

export function isSameEndpoint(a: EndpointSnapshot, b: EndpointSnapshot): boolean {
  return (
    a.id === b.id &&
    a.weight === b.weight &&
    a.maxConnections === b.maxConnections &&
    a.sendProxy === b.sendProxy &&
    a.name === b.name &&
    a.service === b.service &&
    a.ip === b.ip &&
    a.port === b.port &&
    a.sources.join() === b.sources.join() &&
    a.tier === b.tier &&
    a.onProbation === b.onProbation &&
    a.provenAt === b.provenAt
  );
}

export function isSameService(a: ServiceSnapshot, b: ServiceSnapshot): boolean {
  return (
    a.id === b.id &&
    a.guarded === b.guarded &&
    a.byLoad === b.byLoad &&
    a.endpoints.length === b.endpoints.length &&
    a.endpoints.every((endpoint, i) => endpoint === b.endpoints[i])
  );
}
