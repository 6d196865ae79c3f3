// What a worker is told of the endpoints, whenever something changes. The channel keeps the order and loses nothing, so the first
// snapshot says all and each further one what is not as the one before it said: of 800 endpoints mostly one.

import type { SendProxy } from '../../config/plan.ts';

/** A lower tier is tried first; within one tier the service's method decides. */
export const TIER_USABLE = 0; // up, or not checked yet
export const TIER_COOLING = 2; // up, but a connect failed a moment ago
export const TIER_DOWN = 4; // down or unresolved: only when nothing else is left (fail open)
/** Added for a backup: it comes after the others of its kind, and before those that are less well. */
export const TIER_BACKUP = 1;

export interface EndpointSnapshot {
  /** Also the engine's target. */
  readonly id: number;
  readonly service: number;
  /** `host:port` as configured, for records and logs. */
  readonly name: string;
  /** An IP literal, or null while the name has never resolved: then it cannot be tried. */
  readonly ip: string | null;
  readonly port: number;
  /** As in BackendPlan. */
  readonly sources: readonly string[];
  readonly tier: number;
  /** Its share, not always a whole number; 0: it is not chosen. */
  readonly weight: number;
  /** Connections that it may have of all workers together; 0: any number. */
  readonly maxConnections: number;
  /** How it is told who its client is. */
  readonly sendProxy: SendProxy;
  /** It let clients go without a byte, and is left alone for that: afterwards one client at a time is to find out. */
  readonly onProbation: boolean;
  /** When the latest attempt began that is known to have reached it (machine-clock.ts); 0: none. Older failures mean nothing. */
  readonly provenAt: number;
}

export interface ServiceSnapshot {
  readonly id: number;
  /** Protection mode is on: fewer retries for each client. */
  readonly guarded: boolean;
  /** What its endpoints have of all workers together matters, to its method or a limit, in this plan or the one that comes. */
  readonly byLoad: boolean;
  /** Its endpoints in the order of the round. One that was there before and is not now is retired. */
  readonly endpoints: readonly number[];
}

export interface Snapshot {
  readonly services: readonly ServiceSnapshot[];
  readonly endpoints: readonly EndpointSnapshot[];
  /** Remote connections, those of all other workers, as last counted: endpoint and how many, in turn. */
  readonly remote: readonly number[];
}
