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
  /** Its SRV record has a lower priority than others. */
  readonly backup: boolean;
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

function endpointOf(backend: BackendPlan, { ip, name, port: its, weight, backup }: Found): BackendPlan {
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
    hostname: name ?? (backend.discover === 'srv' ? null : backend.host),
  };
}

/** The name if a server can be called that, else null: anything may be in an answer, and checks send it. */
export function hostname(name: unknown): string | null {
  return typeof name === 'string' && judgeHost(name) === null && !isLiteral(name) ? canonicalHost(name) : null;
}

/** Sorts an answer, so that the order in which its server rotates it does not matter. */
export function inOrder(found: readonly Found[]): readonly Found[] {
  const byWeight = found.toSorted((a, b) => (a.weight ?? 0) - (b.weight ?? 0) || compare(a.name ?? '', b.name ?? ''));
  // If two records give the same address, the heavier one counts, else the last by name.
  const keyed = byWeight.map((it) => [`${it.backup ? 1 : 0} ${it.ip} ${it.port ?? 0}`, it] as const);
  return [...new Map(keyed)].sort(([a], [b]) => compare(a, b)).map(([, it]) => it);
}

/** By code units, which is the same everywhere. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function addressesFound(ips: readonly string[]): readonly Found[] {
  const one = { name: null, port: null, weight: null, backup: false };
  return inOrder(ips.map((ip) => ({ ...one, ip: canonicalHost(ip) })));
}

/**
 * RFC 2782: the lowest priority is used first, so all others are backups. A weight of 0 means a very small one there, and weights
 * go up to 65,535: if they exceed ours, all weights of the name are scaled down.
 */
export function servicesFound(
  records: readonly (ServiceRecord & { readonly ips: readonly string[] })[],
): readonly Found[] {
  const lowest = Math.min(...records.map(({ priority }) => priority));
  const heaviest = Math.max(...records.map(({ weight }) => weight));
  const part = Math.min(1, MAX_WEIGHT / Math.max(1, heaviest));
  return inOrder(
    records.flatMap(({ name, ips, port, priority, weight }) =>
      ips.map((ip) => ({
        ip: canonicalHost(ip),
        name: hostname(name),
        port,
        weight: Math.max(1, Math.round(weight * part)),
        backup: priority > lowest,
      })),
    ),
  );
}

export function textOf({ ip, port, weight, backup }: Found): string {
  if (port === null) return ip;
  return `${ip.includes(':') ? `[${ip}]` : ip}:${port} weight ${weight ?? 1}${backup ? ' backup' : ''}`;
}

export function textOfLeftOut({ name, count, why }: LeftOut): string {
  return `${count} of what ${name} leads to ${count === 1 ? 'is' : 'are'} not used: ${why}`;
}
