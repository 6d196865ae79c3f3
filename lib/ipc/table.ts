// All that a worker may know. Immutable, made by the primary, swapped whole in the worker; JSON, because that is the
// cheapest way over node:cluster's channel for objects of this size.
//
// What is fixed for the life of a worker (services, their order, the backends and their order) never differs between
// two tables of one generation: a reload that changes it forks new workers. `backend` ids are the index of a backend
// counted over all services of the generation, so that worker-side state fits in flat arrays.

import type { LogConnections, LogLevel, Method } from '../../config/plan.ts';

/** A lower rank is tried first; within one rank the service's method decides. */
export const RANK_USABLE = 0; // up, or not checked yet
export const RANK_COOLING = 1; // up, but a connect failed a moment ago
export const RANK_DOWN = 2; // down or unresolved: only when nothing else is left (fail open)

export interface Route {
  /** Index over all services of the generation; also the engine's target id. */
  readonly backend: number;
  /** `host:port` as configured, for records and logs. */
  readonly name: string;
  /** An IP literal, or null while the name has never resolved: then the route cannot be tried. */
  readonly ip: string | null;
  readonly port: number;
  readonly rank: number;
  /** When the latest attempt began that is known to have reached it (machine-clock.ts); 0: none. Older failures mean nothing. */
  readonly provenAt: number;
  /** Live connections of all other workers to this backend, as last counted. */
  readonly elsewhere: number;
}

export interface ServiceTable {
  readonly name: string;
  readonly method: Method;
  readonly routes: readonly Route[];
  /** Protection mode is on: fewer retries for each client. */
  readonly guarded: boolean;
  readonly connectTimeoutMs: number;
  readonly idleMs: number;
  readonly keepaliveMs: number;
  readonly halfClosedMs: number;
  readonly backlog: number;
  readonly drainMs: number;
  /** 0: no limit. */
  readonly reloadDrainMs: number;
  /** How long a worker itself leaves a backend alone after a failed connect, until the primary's next table says. */
  readonly cooldownMs: number;
  /** Where the round of round_robin begins, so that a reload goes on where the last generation was. */
  readonly start: number;
  /** The service's own slot pool (see slots), or null when only the instance's pool 0 counts. */
  readonly pool: number | null;
}

export interface Table {
  /** Counts reloads; equal for all workers of one roll. */
  readonly generation: number;
  /** Counts pushes within a generation; a table older than the one in use is ignored. */
  readonly version: number;
  readonly logLevel: LogLevel;
  readonly logConnections: LogConnections;
  /** Connections that the descriptors of one worker carry; beyond them it refuses clients. Null: unknown. */
  readonly carries: number | null;
  readonly services: readonly ServiceTable[];
}
