// Snapshots: the state of the endpoints, sent to workers whenever it changes. The channel keeps the order and loses nothing, so the
// first snapshot is complete and each later one has only the differences: of 800 endpoints mostly one.

import type { SendProxy } from '../../config/plan.ts';

/** A lower tier is tried first; within one tier the service's method decides. */
export const TIER_USABLE = 0; // up, or not checked yet
export const TIER_COOLING = 2; // up, but a connect has just failed
export const TIER_DOWN = 4; // down or unresolved: used only if nothing else is left (fail open)
/** Added for a backup: it comes after the others in its state, and before those in a worse state. */
export const TIER_BACKUP = 1;
/** Backups may have ranks below this, each of which adds a fraction: it comes after all lower ones. */
export const RANKS = 1024;

export interface EndpointSnapshot {
  /** Also the engine's target. */
  readonly id: number;
  readonly service: number;
  /** `host:port` as configured, for records and logs. */
  readonly name: string;
  /** An IP literal, or null if the name has never resolved, so that it cannot be tried. */
  readonly ip: string | null;
  readonly port: number;
  /** As in BackendPlan. */
  readonly sources: readonly string[];
  readonly tier: number;
  /** Its share, perhaps fractional; 0: it is not chosen. */
  readonly weight: number;
  /** Maximum connections from all workers together; 0: no limit. */
  readonly maxConnections: number;
  /** The PROXY header that it gets. */
  readonly sendProxy: SendProxy;
  /** It dropped clients without a byte and is in a cool-down. Afterwards one client at a time tries it. */
  readonly onProbation: boolean;
  /** The start of the latest attempt known to have reached it (machine-clock.ts); 0: none. Older failures are refuted. */
  readonly provenAt: number;
}

export interface ServiceSnapshot {
  readonly id: number;
  /** Protection mode is on: fewer retries per client. */
  readonly guarded: boolean;
  /** A method or limit needs the endpoints' connection counts over all workers, in this plan or the next one. */
  readonly byLoad: boolean;
  /** Its endpoints in round-robin order. An endpoint that is missing now is retired. */
  readonly endpoints: readonly number[];
}

export interface Snapshot {
  readonly services: readonly ServiceSnapshot[];
  readonly endpoints: readonly EndpointSnapshot[];
  /** Connections of all other workers as last counted: pairs of endpoint and count. */
  readonly remote: readonly number[];
}
