// A plan with what the names of its backends lead to in their place. Pure.

import { canonicalHost, judgePeer } from '../../../../config/host.ts';
import { loopBy } from '../../../../config/loops.ts';
import type { Machine } from '../../../../config/machine.ts';
import type { BackendPlan, Discover, Plan, ServicePlan } from '../../../../config/plan.ts';
import { addressOf, placesOf } from '../../../../config/plan.ts';
import { MAX_WEIGHT } from '../../../../config/backend-schema.ts';
import { MAX_BACKENDS } from '../../../../config/schema.ts';
import { takeTurns } from '../../../engine/source.ts';
import type { ServiceRecord } from './dns.ts';

/** One address that a name leads to. */
export interface Found {
  readonly ip: string;
  /** Null: as the backend in the file has it. */
  readonly port: number | null;
  readonly weight: number | null;
  /** Its records have a lower priority than others. */
  readonly backup: boolean;
}

/** Null where there has never been an answer. */
export type Lookup = (discover: Discover, name: string) => readonly Found[] | null;

/** What cannot be used of what a name leads to. */
export interface LeftOut {
  readonly service: string;
  readonly name: string;
  readonly count: number;
  readonly why: string;
}

export interface Expanded {
  readonly plan: Plan;
  readonly leftOut: readonly LeftOut[];
}

/** `reserved`: so many backends are there beside those of the plan. Each address is taken once, in a stable order. */
export function expand(plan: Plan, lookup: Lookup, reserved: number, machine: Machine): Expanded {
  if (!plan.services.some(({ discovers }) => discovers)) return { plan, leftOut: [] };
  const inFile = plan.services.flatMap(({ backends }) => backends.filter(({ discover }) => discover === 'address'));
  let room = MAX_BACKENDS - inFile.length - reserved;
  const leftOut: LeftOut[] = [];

  function serviceOf(service: ServicePlan): ServicePlan {
    if (!service.discovers) return service;
    const taken = new Set(
      service.backends.flatMap(({ discover, host, port }) =>
        discover === 'address' ? [addressOf(canonicalHost(host), port)] : [],
      ),
    );
    const backends = service.backends.flatMap((backend) => {
      if (backend.discover === 'address') return [backend];
      const mine: BackendPlan[] = [];
      const lost = new Map<string, number>();
      for (const found of lookup(backend.discover, backend.host) ?? []) {
        const endpoint = endpointOf(backend, found);
        if (taken.has(endpoint.address)) continue;
        const why = room <= 0 ? `there would be more than ${MAX_BACKENDS} backends` : unusable(endpoint, service, plan);
        if (why !== null) {
          lost.set(why, (lost.get(why) ?? 0) + 1);
          continue;
        }
        taken.add(endpoint.address);
        room--;
        mine.push(endpoint);
      }
      for (const [why, count] of lost) leftOut.push({ service: service.name, name: backend.host, count, why });
      return mine;
    });
    return { ...service, backends };
  }

  function unusable(endpoint: BackendPlan, { name }: ServicePlan, { services }: Plan): string | null {
    const { host, port, sources } = endpoint;
    if (judgePeer(host) !== null) return 'it is the address of no host';
    if (takeTurns(sources)(host) === null) return 'no source address is of its family';
    // Only what leads to a listener can lead back, and to look at all services for each of a thousand takes long.
    const isListener = services.some((service) => placesOf(service).some((place) => place.port === port));
    if (isListener && loopBy(endpoint, name, services, machine) !== null) return 'it leads back to bal itself';
    return null;
  }

  return { plan: { ...plan, services: plan.services.map(serviceOf) }, leftOut };
}

function endpointOf(backend: BackendPlan, { ip, port: its, weight, backup }: Found): BackendPlan {
  const port = its ?? backend.port;
  return {
    ...backend,
    host: ip,
    port,
    address: addressOf(ip, port),
    weight: weight ?? backend.weight,
    backup: backend.backup || backup,
    discover: 'address',
    discoveredFrom: backend.host,
  };
}

/** In the one order that an answer has however its server turns it. */
export function inOrder(found: readonly Found[]): readonly Found[] {
  const byWeight = found.toSorted((a, b) => (a.weight ?? 0) - (b.weight ?? 0));
  // Of two that say the same of one address the heavier one counts.
  const keyed = byWeight.map((it) => [`${it.backup ? 1 : 0} ${it.ip} ${it.port ?? 0}`, it] as const);
  return [...new Map(keyed)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, it]) => it);
}

export function addressesFound(ips: readonly string[]): readonly Found[] {
  const one = { port: null, weight: null, backup: false };
  return inOrder(ips.map((ip) => ({ ...one, ip: canonicalHost(ip) })));
}

/**
 * RFC 2782: the lowest priority is used first, all others are backups. A weight of 0 is a very small one there, and weights go
 * up to 65,535: where they are too large for ours, all of the service are made smaller alike.
 */
export function servicesFound(
  records: readonly (ServiceRecord & { readonly ips: readonly string[] })[],
): readonly Found[] {
  const lowest = Math.min(...records.map(({ priority }) => priority));
  const heaviest = Math.max(...records.map(({ weight }) => weight));
  const part = Math.min(1, MAX_WEIGHT / Math.max(1, heaviest));
  return inOrder(
    records.flatMap(({ ips, port, priority, weight }) =>
      ips.map((ip) => ({
        ip: canonicalHost(ip),
        port,
        weight: Math.max(1, Math.round(weight * part)),
        backup: priority > lowest,
      })),
    ),
  );
}
