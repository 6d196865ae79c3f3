// Replaces the names of a plan's backends by what they resolve to. Pure.

import { canonicalHost, judgeHost, judgePeer } from '../../../../config/host.ts';
import { loopBy } from '../../../../config/loops.ts';
import type { Machine } from '../../../../config/machine.ts';
import type { BackendPlan, Discover, Plan, ServicePlan } from '../../../../config/plan.ts';
import { addressOf, placesOf } from '../../../../config/plan.ts';
import { MAX_WEIGHT } from '../../../../config/backend-schema.ts';
import { MAX_BACKENDS } from '../../../../config/schema.ts';
import { isLiteral } from '../../../../config/unix.ts';
import { sourcesFor } from '../../../engine/source.ts';
import type { ServiceRecord } from './query/wire.ts';

/** One address that a name resolves to. */
export interface Found {
  readonly ip: string;
  /** The target of its SRV record; null: the name in the file, or the target is no host name. */
  readonly name: string | null;
  /** Null: use those of the backend in the file. */
  readonly port: number | null;
  readonly weight: number | null;
  /** Of its SRV record's priority among those in use: 0 is used first, and each further one while none before it is usable. */
  readonly rank: number;
}

/** Null if there has never been an answer. */
export type Lookup = (discover: Discover, name: string) => readonly Found[] | null;

/** Addresses of a name that cannot be used. */
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

/** `reserved` is the number of backends outside the plan. Each address is used once, in a stable order. */
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
    if (port === 0) return 'its SRV record has port 0';
    if (sourcesFor(host, sources).length === 0) return 'no source address is of its family';
    // Only an address at a listener's port can loop back, and scanning all services for each of a thousand addresses is slow.
    const isListener = services.some((service) => placesOf(service).some((place) => place.port === port));
    if (isListener && loopBy(endpoint, name, services, machine) !== null) return 'it leads back to bal itself';
    return null;
  }

  return { plan: { ...plan, services: plan.services.map(serviceOf) }, leftOut };
}

function endpointOf(backend: BackendPlan, { ip, name, port: its, weight, rank }: Found): BackendPlan {
  const port = its ?? backend.port;
  return {
    ...backend,
    host: ip,
    port,
    address: addressOf(ip, port),
    weight: weight ?? backend.weight,
    backup: backend.backup || rank > 0,
    // The first backups have rank 0.
    rank: backend.backup ? rank : Math.max(0, rank - 1),
    discover: 'address',
    discoveredFrom: backend.host,
    hostname: name ?? (backend.discover === 'srv' ? null : backend.host),
  };
}

/** The name if a server can be called that, else null: anything may be in an answer, and checks send it. */
export function hostname(name: unknown): string | null {
  return typeof name === 'string' && judgeHost(name) === null && !isLiteral(name) ? canonicalHost(name) : null;
}

/** Whether it is the same answer, also if one comes from another process. */
export function isSameAnswer(one: readonly Found[] | null, other: readonly Found[] | null): boolean {
  const fields = (found: readonly Found[] | null): string =>
    JSON.stringify(found?.map(({ ip, name, port, weight, rank }) => [ip, name, port, weight, rank]));
  return one === other || fields(one) === fields(other);
}

/** Sorts an answer, so that the order in which its server rotates it does not matter. */
export function inOrder(found: readonly Found[]): readonly Found[] {
  const byWeight = found.toSorted((a, b) => (a.weight ?? 0) - (b.weight ?? 0) || compare(a.name ?? '', b.name ?? ''));
  // If two records give the same address, the heavier one counts, else the last by name.
  const keyed = byWeight.map((it) => [`${String(it.rank).padStart(4, '0')} ${it.ip} ${it.port ?? 0}`, it] as const);
  return [...new Map(keyed)].sort(([a], [b]) => compare(a, b)).map(([, it]) => it);
}

/** By code units, which is the same everywhere. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function addressesFound(ips: readonly string[]): readonly Found[] {
  const rest = { name: null, port: null, weight: null, rank: 0 };
  return inOrder(ips.map((ip) => ({ ip: canonicalHost(ip), ...rest })));
}

/**
 * RFC 2782: the lowest priority is used first, and each further one while none before it is usable, so it is a rank of backups.
 * Priorities of which nothing can be used do not count. A weight of 0 means a very small one there, and weights go up to 65,535:
 * if they exceed ours, those of the same priority, which share clients, are scaled down together.
 */
export function servicesFound(
  records: readonly (ServiceRecord & { readonly ips: readonly string[] })[],
): readonly Found[] {
  const usable = records.filter(({ ips, port }) => ips.length > 0 && port > 0);
  const priorities = [...new Set(usable.map(({ priority }) => priority))].sort((a, b) => a - b);
  const ranks = new Map(priorities.map((priority, rank) => [priority, rank]));
  /** By priority: the weight that becomes MAX_WEIGHT. */
  const heaviest = new Map<number, number>();
  for (const { priority, weight } of records) {
    heaviest.set(priority, Math.max(weight, heaviest.get(priority) ?? MAX_WEIGHT));
  }
  return inOrder(
    records.flatMap(({ name, ips, port, priority, weight }) =>
      ips.map((ip) => ({
        ip: canonicalHost(ip),
        name: hostname(name),
        port,
        weight: Math.max(1, Math.round((weight * MAX_WEIGHT) / (heaviest.get(priority) ?? MAX_WEIGHT))),
        rank: ranks.get(priority) ?? 0,
      })),
    ),
  );
}

export function textOf({ ip, port, weight, rank }: Found): string {
  if (port === null) return ip;
  return `${ip.includes(':') ? `[${ip}]` : ip}:${port} weight ${weight ?? 1}${rank > 0 ? ' backup' : ''}`;
}

export function textOfLeftOut({ name, count, why }: LeftOut): string {
  return `${count} of what ${name} leads to ${count === 1 ? 'is' : 'are'} not used: ${why}`;
}
