// The endpoints that clients may get, from the snapshots. Owns the services' lists and what is known of each endpoint. The
// balancer reads both on every connect, so they are plain objects indexed by id.

import type { SendProxy } from '../../../config/plan.ts';
import type { ServiceAssignment } from '../../ipc/assignment.ts';
import type { EndpointSnapshot, Snapshot } from '../../ipc/snapshot.ts';
import { firstPosition } from './balancer.ts';
import { createPicker } from './methods/method.ts';
import type { Candidate, Picker } from './methods/picker.ts';

export interface Endpoint extends Candidate {
  readonly service: number;
  readonly port: number;
  readonly sendProxy: SendProxy;
  readonly sources: readonly string[];
}

export interface Service extends ServiceAssignment {
  readonly guarded: boolean;
  /** In the order of the configuration. */
  readonly endpoints: readonly Endpoint[];
  /** Chooses an endpoint by the service's method. */
  readonly picker: Picker;
  /** Number of endpoints that clients may get. */
  readonly choices: number;
}

/** Address for an endpoint that never had one: its connections exist, and it gets no new ones. */
const NOWHERE = '0.0.0.0';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** An endpoint whose address the engine does not know yet. */
export interface Moved {
  readonly id: number;
  readonly service: number;
  readonly ip: string;
  readonly port: number;
  readonly sources: readonly string[];
}

export interface Endpoints {
  /** Both by id, with holes. */
  readonly services: readonly (Service | undefined)[];
  readonly all: readonly (Endpoint | undefined)[];
  /** Endpoints that a snapshot retired; known until forget(). */
  readonly retired: ReadonlySet<number>;
  /** Returns only the changed routes: the engine makes system calls for each, and most snapshots change none. */
  use(snapshot: Snapshot): readonly Moved[];
  /** Adds the endpoints of another worker's connections. New ones get no clients. Returns the same as use(). */
  adopt(services: readonly ServiceAssignment[], endpoints: readonly EndpointSnapshot[]): readonly Moved[];
  /** Forgets an endpoint that nothing uses any more. */
  forget(endpoint: number): void;
}

/** `worker`: its id, see firstPosition(). */
export function createEndpoints(assigned: readonly ServiceAssignment[], worker: number): Endpoints {
  const services: (Mutable<Service> | undefined)[] = [];
  const all: (Mutable<Endpoint> | undefined)[] = [];
  const retired = new Set<number>();
  assigned.forEach(add);

  function add(service: ServiceAssignment): void {
    services[service.id] = {
      ...service,
      guarded: false,
      endpoints: [],
      picker: createPicker(service.method, (length) => firstPosition(worker, service.start, length)),
      choices: 0,
    };
  }

  /** Returns whether its address has changed. */
  function learn(it: EndpointSnapshot): boolean {
    const known = all[it.id];
    if (known === undefined) {
      const { id, service, name, ip, port, sources, tier, weight, maxConnections, sendProxy } = it;
      all[id] = { id, service, name, ip, port, sources, tier, weight, maxConnections, sendProxy };
      return it.ip !== null;
    }
    // The engine may already have dropped the route of a retired endpoint.
    const leads = known.ip === it.ip && known.port === it.port && known.sources.join() === it.sources.join();
    const isMoved = it.ip !== null && (!leads || retired.has(it.id));
    known.ip = it.ip;
    known.port = it.port;
    known.sources = it.sources;
    known.tier = it.tier;
    known.weight = it.weight;
    known.maxConnections = it.maxConnections;
    known.sendProxy = it.sendProxy;
    return isMoved;
  }

  function arrange(service: Mutable<Service>): void {
    const taking = service.endpoints.filter(({ weight }) => weight > 0);
    service.choices = taking.length;
    service.picker.use(service.endpoints, Math.min(...taking.flatMap(({ ip, tier }) => (ip === null ? [] : [tier]))));
  }

  return {
    services,
    all,
    retired,
    use(snapshot) {
      const touched = new Set(snapshot.endpoints.map(({ service }) => service));
      const moved = snapshot.endpoints.filter(learn);
      for (const { id, guarded, endpoints } of snapshot.services) {
        const service = services[id];
        if (service === undefined) continue;
        for (const before of service.endpoints) retired.add(before.id);
        service.guarded = guarded;
        service.endpoints = endpoints.flatMap((endpoint) => all[endpoint] ?? []);
        for (const now of service.endpoints) retired.delete(now.id);
        touched.add(id);
      }
      for (const id of touched) if (services[id] !== undefined) arrange(services[id]);
      return moved.flatMap(({ id, service, ip, port, sources }) =>
        ip === null ? [] : [{ id, service, ip, port, sources }],
      );
    },
    adopt(unknown, leadTo) {
      for (const service of unknown) if (services[service.id] === undefined) add(service);
      const moved: Moved[] = [];
      for (const it of leadTo) {
        const known = all[it.id];
        // The engine knows the routes of current endpoints, but may have dropped those of retired ones.
        if (known !== undefined && known.ip !== null && !retired.has(it.id)) continue;
        if (known === undefined) {
          learn(it);
          retired.add(it.id);
        }
        moved.push({ id: it.id, service: it.service, ip: it.ip ?? NOWHERE, port: it.port, sources: [] });
      }
      return moved;
    },
    forget(endpoint) {
      all[endpoint] = undefined;
      retired.delete(endpoint);
    },
  };
}
