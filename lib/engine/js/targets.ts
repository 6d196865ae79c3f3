// Services and targets: where connections lead, and their settings. Also owns the bytes relayed to each target.

import { grown } from '../../grown.ts';
import type { ServiceSettings } from '../engine.ts';
import { routeTo } from './route.ts';
import type { Route } from './route.ts';

/** Ids are small, see engine.ts. A larger one is the caller's mistake and would take memory for all ids below it. */
const MOST = 1 << 20;

export interface Service {
  readonly id: number;
  settings: ServiceSettings;
}

export interface Target {
  readonly id: number;
  readonly service: Service;
  route: Route | null;
  /** Connections to this target. */
  live: number;
}

const NEVER: ServiceSettings = {
  connectTimeoutMs: Infinity,
  idleMs: Infinity,
  keepaliveMs: 0,
  halfClosedMs: Infinity,
};

/** Stands for the target of a connection that has none. */
export const NOWHERE: Target = { id: -1, service: { id: -1, settings: NEVER }, route: null, live: 0 };

export class Targets {
  bytes = new Float64Array(32);
  readonly #services: (Service | undefined)[] = [];
  readonly #targets: (Target | undefined)[] = [];

  /** The target with this id, or NOWHERE. */
  at(id: number): Target {
    return this.#targets[id] ?? NOWHERE;
  }

  setService(id: number, settings: ServiceSettings): void {
    check('service', id);
    const known = this.#services[id];
    if (known === undefined) this.#services[id] = { id, settings };
    else known.settings = settings;
  }

  route(id: number, serviceId: number, ip: string, port: number, sources: readonly string[]): void {
    check('target', id);
    const service = this.#services[serviceId];
    if (service === undefined) throw new Error(`Cannot route target ${id}: its service is not known`);
    const route = routeTo(ip, port, sources);
    const known = this.#targets[id];
    if (known === undefined) {
      this.bytes = grown(this.bytes, 2 * id + 1);
      this.bytes.fill(0, 2 * id, 2 * id + 2);
      this.#targets[id] = { id, service, route, live: 0 };
    } else if (known.service === service) known.route = route;
    else throw new Error(`Cannot route target ${id}: it belongs to another service`);
  }

  unroute(id: number): boolean {
    const known = this.#targets[id];
    if (known === undefined) return true;
    if (known.live > 0) return false;
    this.#targets[id] = undefined;
    return true;
  }

  count({ id }: Target, way: 'in' | 'out', count: number): void {
    const at = way === 'in' ? 2 * id : 2 * id + 1;
    this.bytes[at] = (this.bytes[at] ?? 0) + count;
  }
}

function check(what: string, id: number): void {
  if (!Number.isInteger(id) || id < 0 || id >= MOST)
    throw new TypeError(`Cannot use ${what} ${id}: it is no small integer`);
}
