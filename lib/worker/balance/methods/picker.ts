// The seam between the choice and the methods. A picker knows one service's endpoints and says, usually at once, which of
// those that are first in line a client gets; where it has no answer the choice looks at all of them (../balancer.ts).
// On the hot path: nothing is allocated, and no list is walked that may be long.

import { TIER_COOLING } from '../../../ipc/snapshot.ts';

/** An endpoint as far as choosing goes. */
export interface Candidate {
  readonly id: number;
  /** As configured. */
  readonly name: string;
  readonly ip: string | null;
  readonly tier: number;
  readonly weight: number;
  /** Connections that it may have of all workers together; 0: any number. */
  readonly maxConnections: number;
}

/** Endpoint ids. */
export interface Tried {
  has(endpoint: number): boolean;
}

/** Connections of all workers by endpoint. */
export interface Counts {
  of(endpoint: number): number;
  /** The same as far as it goes. */
  readonly all: Int32Array;
}

/** For whom an endpoint is chosen, and what is true at this moment. One object for all choices of a worker. */
export interface Ask {
  connection: number;
  /** Endpoints that this connection has tried; null before the first failure. */
  tried: Tried | null;
  now: number;
  readonly loads: Counts;
  /** By endpoint: until when (same clock as `now`) this worker leaves it alone because a connect has just failed. */
  readonly evidence: { readonly skipUntil: ArrayLike<number> };
  clientAddress(connection: number): string;
}

export interface Picker {
  /** These are the endpoints from now on, in the order of the configuration; those of `tier` are first in line. */
  use(endpoints: readonly Candidate[], tier: number): void;
  /** The place of one that is first in line and free, and it counts as chosen; −1 where none was found. */
  pick(ask: Ask): number;
  /** After pick() had no answer: of the endpoints that are left the one with the lowest rank is chosen. */
  rank(place: number, ask: Ask): number;
  /** Where the search for it begins: of equals it finds the first. */
  readonly from: number;
  /** That one was chosen by its rank. */
  chose(place: number): void;
}

export function isFirstInLine({ ip, weight, tier }: Candidate, first: number): boolean {
  return tier === first && weight > 0 && ip !== null;
}

/** Of one that is first in line: this client may be sent there. */
export function isFree({ id, tier, maxConnections }: Candidate, { tried, now, loads, evidence }: Ask): boolean {
  if (tried !== null && tried.has(id)) return false;
  if (tier < TIER_COOLING && (evidence.skipUntil[id] ?? 0) > now) return false;
  return maxConnections === 0 || loads.of(id) < maxConnections;
}
