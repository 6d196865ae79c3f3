// The seam between the balancer and the methods. A picker knows one service's endpoints and picks, usually at once, one of those
// first in line. Where it has no answer the balancer searches all of them (../balancer.ts). Hot path: allocates nothing, and
// walks no list that may be long.

import { TIER_COOLING } from '../../../ipc/snapshot.ts';

/** What a picker sees of an endpoint. */
export interface Candidate {
  readonly id: number;
  /** As configured. */
  readonly name: string;
  readonly ip: string | null;
  readonly tier: number;
  readonly weight: number;
  /** Most connections from all workers together; 0: any number. */
  readonly maxConnections: number;
}

/** A set of endpoint ids. */
export interface Tried {
  has(endpoint: number): boolean;
}

/** All workers' connections by endpoint. */
export interface Counts {
  of(endpoint: number): number;
  /** The same, for the ids within its length. */
  readonly all: Int32Array;
}

/** The client to choose for, and the current state. One object, reused for all choices of a worker. */
export interface Ask {
  connection: number;
  /** Endpoints that this connection has tried; null before the first failure. */
  tried: Tried | null;
  now: number;
  readonly loads: Counts;
  /** By endpoint: this worker avoids it until then (same clock as `now`), because a connect has just failed. */
  readonly evidence: { readonly skipUntil: ArrayLike<number> };
  clientAddress(connection: number): string;
}

export interface Picker {
  /** Sets the endpoints, in the order of the configuration; those of `tier` are first in line. */
  use(endpoints: readonly Candidate[], tier: number): void;
  /** Picks a free endpoint that is first in line, and records it as chosen. Returns its place; −1: none found. */
  pick(ask: Ask): number;
  /** After pick() had no answer: the remaining endpoint with the lowest rank is chosen. */
  rank(place: number, ask: Ask): number;
  /** Where that search begins: of equal ranks it takes the first. */
  readonly from: number;
  /** Records that this one was chosen by its rank. */
  chose(place: number): void;
}

export function isFirstInLine({ ip, weight, tier }: Candidate, first: number): boolean {
  return tier === first && weight > 0 && ip !== null;
}

/** Whether this client may go to an endpoint that is first in line. */
export function isFree({ id, tier, maxConnections }: Candidate, { tried, now, loads, evidence }: Ask): boolean {
  if (tried !== null && tried.has(id)) return false;
  if (tier < TIER_COOLING && (evidence.skipUntil[id] ?? 0) > now) return false;
  return maxConnections === 0 || loads.of(id) < maxConnections;
}
