// What a worker is told once, before it begins: the services of its generation, and what never changes of them while it lives.
// What changes is in the snapshots that follow. All ids are those of the primary's registry.

import type { AccessPlan, LogConnections, Method, Runtime } from '../../config/plan.ts';

export interface ServiceAssignment {
  readonly id: number;
  readonly name: string;
  readonly method: Method;
  /** Whole: a new key that workers need is there by itself. */
  readonly runtime: Runtime;
  readonly access: AccessPlan | null;
  /** Some backends are told who their client is before its first byte. */
  readonly preamble: boolean;
  /** Where the round of round_robin begins, so that a reload goes on where the last generation was. */
  readonly start: number;
  /** The service's own permit pool (see permits), or null when only the instance's pool 0 counts. */
  readonly pool: number | null;
}

export interface Assignment {
  readonly logConnections: LogConnections;
  /** Connections that the descriptors of one worker carry; beyond them it refuses clients. Null: unknown. */
  readonly carries: number | null;
  readonly services: readonly ServiceAssignment[];
}

/** Comes with the bound handle: after a switch of addresses later than the rest. */
export interface ListenerAssignment {
  readonly id: number;
  /** What it is called where it counts as a service; see `service`. */
  readonly address: string;
  /** The service that its clients get. With `routes` an id of its own, of which they are until they are a service's. */
  readonly service: number;
  /** Which service clients get by what they ask for; empty: all the same. */
  readonly routes: readonly RouteAssignment[];
  readonly backlog: number;
  readonly keepaliveMs: number;
  /** Peers in these networks are proxies and have to say who their client is; empty: nobody has to. */
  readonly proxiesFrom: readonly string[];
  /** What clients have for all that they have to say before they get a backend. */
  readonly firstBytesMs: number;
}

/** Of services that share a listener: whose clients this one's are. */
export interface RouteAssignment {
  readonly service: number;
  /** In lower case, `*.` for one or more labels before the rest; empty: any. */
  readonly names: readonly string[];
  /** By ALPN; empty: any. */
  readonly protocols: readonly string[];
}
