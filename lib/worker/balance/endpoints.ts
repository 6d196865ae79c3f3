// The endpoints that clients may get, as the snapshots say. Owner of the services' lists and of what is known of each endpoint;
// read by the balancer on every connect, so both are plain objects found by their ids.

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
  /** Chooses among them by the service's method. */
  readonly picker: Picker;
  /** How many of them clients may get. */
  readonly choices: number;
}

/** For an endpoint that never had an address: its connections are there, and it gets no others. */
const NOWHERE = '0.0.0.0';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** An endpoint that leads to an address that the engine does not know yet. */
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
  /** Those that were retired by a snapshot; known until forget(). */
  readonly retired: ReadonlySet<number>;
  /** Returns what the engine has to be told: it asks the system about each address, and most snapshots change none. */
  use(snapshot: Snapshot): readonly Moved[];
  /** What connections of another worker lead to, and this one may not know: nobody new gets it. Returns as use() does. */
  adopt(services: readonly ServiceAssignment[], endpoints: readonly EndpointSnapshot[]): readonly Moved[];
  /** Nothing uses it any more. */
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

  /** Returns whether it leads elsewhere now. */
  function learn(it: EndpointSnapshot): boolean {
    const known = all[it.id];
    if (known === undefined) {
      const { id, service, name, ip, port, sources, tier, weight, maxConnections, sendProxy } = it;
      all[id] = { id, service, name, ip, port, sources, tier, weight, maxConnections, sendProxy };
      return it.ip !== null;
    }
    // The engine may have been told already that nothing leads to one that was retired.
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
        // The engine knows those that clients may get, and has to be told again of those that were retired.
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
