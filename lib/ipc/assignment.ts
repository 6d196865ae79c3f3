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
  /** The service that its clients get. */
  readonly service: number;
  readonly backlog: number;
  readonly keepaliveMs: number;
  /** Peers in these networks are proxies and have to say who their client is, within so long; empty: nobody has to. */
  readonly proxiesFrom: readonly string[];
  readonly firstBytesMs: number;
}
