// The catalog of the services and endpoints that a worker's connections lead to, sent to the taker in parts.

import type { Catalog } from '../../ipc/handover.ts';
import { CATALOG_AT_MOST } from '../../ipc/handover.ts';
import type { Endpoints } from '../balance/endpoints.ts';
import type { Message } from './protocol.ts';

/** Most services, and most endpoints, in one part. */
const PART = 64;
/** Endpoints per question to the primary: even with the longest names far below its limit on a line's length. */
const PIECE = 2048;

/** Returns at least one part, the last one marked, and the endpoints that the parts name. */
export function catalogOf({ services, all }: Pick<Endpoints, 'services' | 'all'>): {
  readonly parts: readonly Message[];
  readonly named: ReadonlySet<number>;
} {
  const used = new Set(all.map((it) => it?.service));
  const its: Catalog = {
    services: services.flatMap((it) =>
      it === undefined || !used.has(it.id) ? [] : [{ id: it.id, name: it.name, runtime: it.runtime }],
    ),
    endpoints: all.flatMap((it) => {
      if (it === undefined) return [];
      const { id, service, name, ip, port } = it;
      return [{ id, service, name, ip, port }];
    }),
  };
  const count = Math.max(1, Math.ceil(Math.max(its.services.length, its.endpoints.length) / PART));
  const parts = Array.from({ length: count }, (_, part): Message => ({
    kind: 'catalog',
    last: part === count - 1,
    services: its.services.slice(part * PART, (part + 1) * PART),
    endpoints: its.endpoints.slice(part * PART, (part + 1) * PART),
  }));
  return { parts, named: new Set(its.endpoints.map(({ id }) => id)) };
}

/** Joins two parts; null: the result is larger than any worker's catalog. */
export function joinCatalog(a: Catalog, b: Catalog): Catalog | null {
  const services = [...a.services, ...b.services];
  const endpoints = [...a.endpoints, ...b.endpoints];
  return services.length > CATALOG_AT_MOST || endpoints.length > CATALOG_AT_MOST ? null : { services, endpoints };
}

/** Splits a catalog into at least one piece, each with the services of its endpoints. */
export function* piecesOf({ services, endpoints }: Catalog): Generator<Catalog> {
  const byId = new Map(services.map((service) => [service.id, service]));
  for (let at = 0; at === 0 || at < endpoints.length; at += PIECE) {
    const its = endpoints.slice(at, at + PIECE);
    const used = new Set(its.map(({ service }) => service));
    yield { services: [...used].flatMap((id) => byId.get(id) ?? []), endpoints: its };
  }
}
