// The endpoints that clients may get, as the snapshots say. Owner of the services' lists and of what is known of each endpoint;
// read by the balancer on every connect, so both are plain objects found by their ids.

import type { ServiceAssignment } from '../../ipc/assignment.ts';
import type { EndpointSnapshot, Snapshot } from '../../ipc/snapshot.ts';
import { roundOf } from './round.ts';

export interface Endpoint {
  readonly id: number;
  readonly name: string;
  readonly ip: string | null;
  readonly port: number;
  readonly tier: number;
  readonly weight: number;
  /** Connections that it may have of all workers together; 0: any number. */
  readonly maxConnections: number;
}

export interface Service extends ServiceAssignment {
  readonly guarded: boolean;
  /** In the order of the configuration. */
  readonly endpoints: readonly Endpoint[];
  /** Those that clients may get: as often as their weights say where turns are taken, else each once. */
  readonly candidates: readonly Endpoint[];
  /** The lowest tier among them. */
  readonly bestTier: number;
  /** How many different ones these are. */
  readonly choices: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** An endpoint that leads to an address that the engine does not know yet. */
export interface Moved {
  readonly id: number;
  readonly service: number;
  readonly ip: string;
  readonly port: number;
}

export interface Endpoints {
  /** Both by id, with holes. */
  readonly services: readonly (Service | undefined)[];
  readonly all: readonly (Endpoint | undefined)[];
  /** Those that were retired by a snapshot; known until forget(). */
  readonly retired: ReadonlySet<number>;
  /** Returns what the engine has to be told: it asks the system about each address, and most snapshots change none. */
  use(snapshot: Snapshot): readonly Moved[];
  /** Nothing uses it any more. */
  forget(endpoint: number): void;
}

export function createEndpoints(assigned: readonly ServiceAssignment[]): Endpoints {
  const services: (Mutable<Service> | undefined)[] = [];
  const all: (Mutable<Endpoint> | undefined)[] = [];
  const retired = new Set<number>();
  for (const service of assigned)
    services[service.id] = {
      ...service,
      guarded: false,
      endpoints: [],
      candidates: [],
      bestTier: Infinity,
      choices: 0,
    };

  /** Returns whether it leads elsewhere now. */
  function learn(it: EndpointSnapshot): boolean {
    const known = all[it.id];
    if (known === undefined) {
      const { id, name, ip, port, tier, weight, maxConnections } = it;
      all[id] = { id, name, ip, port, tier, weight, maxConnections };
      return it.ip !== null;
    }
    // The engine may have been told already that nothing leads to one that was retired.
    const isMoved = it.ip !== null && (known.ip !== it.ip || known.port !== it.port || retired.has(it.id));
    known.ip = it.ip;
    known.port = it.port;
    known.tier = it.tier;
    known.weight = it.weight;
    known.maxConnections = it.maxConnections;
    return isMoved;
  }

  /** A round with weights may be long: it is made when somebody comes or goes or has another weight, and not for each tier. */
  function arrange(service: Mutable<Service>): void {
    const taking = service.endpoints.filter(({ weight }) => weight > 0);
    service.choices = taking.length;
    service.candidates = service.method === 'round_robin' ? roundOf(taking) : taking;
  }

  function judge(service: Mutable<Service>): void {
    const tiers = service.endpoints.flatMap(({ weight, ip, tier }) => (weight > 0 && ip !== null ? [tier] : []));
    service.bestTier = Math.min(...tiers);
  }

  return {
    services,
    all,
    retired,
    use(snapshot) {
      const reweighed = new Set(
        snapshot.endpoints.flatMap(({ id, service, weight }) => (all[id]?.weight === weight ? [] : [service])),
      );
      const moved = snapshot.endpoints.filter(learn);
      for (const { id, guarded, endpoints } of snapshot.services) {
        const service = services[id];
        if (service === undefined) continue;
        for (const before of service.endpoints) retired.add(before.id);
        service.guarded = guarded;
        service.endpoints = endpoints.flatMap((endpoint) => all[endpoint] ?? []);
        for (const now of service.endpoints) retired.delete(now.id);
        reweighed.add(id);
      }
      for (const service of services) {
        if (service === undefined) continue;
        if (reweighed.has(service.id)) arrange(service);
        judge(service);
      }
      return moved.flatMap(({ id, service, ip, port }) => (ip === null ? [] : [{ id, service, ip, port }]));
    },
    forget(endpoint) {
      all[endpoint] = undefined;
      retired.delete(endpoint);
    },
  };
}
