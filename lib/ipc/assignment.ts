// The assignment: what a worker is sent once, before it begins. It has the services of its generation and their settings that never
// change while the worker lives. Later snapshots have what changes. All ids are those of the primary's registry.

import type { AccessPlan, LogConnections, Method, Runtime } from '../../config/plan.ts';

export interface ServiceAssignment {
  readonly id: number;
  readonly name: string;
  readonly method: Method;
  /** Sent whole, so that a new key reaches the workers automatically. */
  readonly runtime: Runtime;
  readonly access: AccessPlan | null;
  /** Some backends get the client's address before its first byte. */
  readonly preamble: boolean;
  /** Where round_robin starts, so that a reload continues where the last generation was. */
  readonly start: number;
  /** The service's own permit pool (see permits), or null if only the instance's pool 0 counts. */
  readonly pool: number | null;
}

export interface Assignment {
  readonly logConnections: LogConnections;
  /** Connections that one worker's descriptors allow; beyond them it refuses clients. Null: unknown. */
  readonly carries: number | null;
  readonly services: readonly ServiceAssignment[];
}

/** Sent with the bound handle; in a rebind later than the rest. */
export interface ListenerAssignment {
  readonly id: number;
  /** Its name when it counts as a service; see `service`. */
  readonly address: string;
  /** The service of its clients. With `routes`, an id of its own, for which clients count until they are assigned to a service. */
  readonly service: number;
  /** Which service a client gets by what it asks for; empty: all get the same. */
  readonly routes: readonly RouteAssignment[];
  readonly backlog: number;
  readonly keepaliveMs: number;
  /** Peers in these networks are proxies and must send a PROXY header; empty: none. */
  readonly proxiesFrom: readonly string[];
  /** The time for everything that a client must send before it gets a backend. */
  readonly firstBytesMs: number;
}

/** The clients of one service among those that share a listener. */
export interface RouteAssignment {
  readonly service: number;
  /** Lower-case server names, `*.` for one or more labels before the rest; empty: any. */
  readonly names: readonly string[];
  /** By ALPN; empty: any. */
  readonly protocols: readonly string[];
}
