// Which endpoint a connection goes to. Pure and on the hot path: one pass over the endpoints, nothing allocated.

import { TIER_COOLING } from '../../ipc/snapshot.ts';
import type { Service } from './endpoints.ts';

/** Endpoint ids; all that the choice asks of it. */
export interface Tried {
  has(endpoint: number): boolean;
}

/** Nothing is left to try. */
export const NOTHING = -1;
/** What is left to try and works has all the connections that it may have. */
export const FULL = -2;

/** Connections of all workers by endpoint; all that the choice asks of it. */
interface Counts {
  of(endpoint: number): number;
}

/**
 * Where a connection's next attempt goes, as an index into `service.candidates`; NOTHING or FULL when nowhere.
 *
 * The lowest tier with an untried endpoint that is not full wins; within it round_robin takes the first from `position` on, and
 * least_connections the one that would have the fewest live connections for its weight with this one, `position` deciding a draw.
 * One that is full is passed over, but nobody is sent to one that has failed because those that work are full. The caller keeps
 * one `position` a service and sets it to the answer + 1 after every choice, also after a retry: else the neighbour of a failing
 * endpoint would get its share on top of its own.
 *
 * `tried` holds the endpoints that this connection has tried, null before the first failure. `skipUntil` is indexed by endpoint:
 * until when (same clock as `now`) this worker leaves an endpoint alone because a connect has just failed.
 */
export function choose(
  service: Pick<Service, 'method' | 'candidates' | 'bestTier'>,
  position: number,
  tried: Tried | null,
  loads: Counts,
  skipUntil: ArrayLike<number>,
  now: number,
): number {
  const { candidates, bestTier: lowest } = service;
  const byLoad = service.method === 'least_connections';
  let best = NOTHING;
  let bestTier = Infinity;
  let bestLoad = Infinity;
  let isFull = false;
  // Not `%`: one compare is cheaper than a division, and the position may be one past the end.
  for (let i = position < candidates.length ? position : 0, left = candidates.length; left > 0; left--, i++) {
    if (i === candidates.length) i = 0;
    const endpoint = candidates[i];
    if (endpoint === undefined || endpoint.ip === null || tried?.has(endpoint.id) === true) continue;
    const skipped = endpoint.tier < TIER_COOLING && (skipUntil[endpoint.id] ?? 0) > now;
    const tier = skipped ? endpoint.tier + TIER_COOLING : endpoint.tier;
    if (tier > bestTier) continue;
    if (endpoint.maxConnections > 0 && loads.of(endpoint.id) >= endpoint.maxConnections) {
      isFull ||= tier < TIER_COOLING;
      continue;
    }
    const load = byLoad ? (loads.of(endpoint.id) + 1) / endpoint.weight : 0;
    if (tier === bestTier && load >= bestLoad) continue;
    if (tier === lowest && !byLoad) return i;
    best = i;
    bestTier = tier;
    bestLoad = load;
  }
  return isFull && bestTier >= TIER_COOLING ? FULL : best;
}

/** Some endpoint that works has room for one more. */
export function hasRoom({ endpoints }: Pick<Service, 'endpoints'>, loads: Counts): boolean {
  return endpoints.some(
    ({ id, ip, weight, tier, maxConnections }) =>
      ip !== null && weight > 0 && tier < TIER_COOLING && (maxConnections === 0 || loads.of(id) < maxConnections),
  );
}

/**
 * Where worker `id` begins its round; ids begin at 1. The first one begins at `start`, which is the first endpoint until clients
 * have come, and each further one at the next one, so that not all begin with the same.
 */
export function firstPosition(id: number, start: number, endpoints: number): number {
  return endpoints === 0 ? 0 : (id - 1 + start) % endpoints;
}

/**
 * How many more endpoints one client may try after its first attempt failed: all others once, but only one while guarded, and no
 * more than make `maxAttempts` in all, unless that is 0.
 */
export function retriesAllowed(endpoints: number, guarded: boolean, maxAttempts: number): number {
  const most = maxAttempts === 0 ? endpoints : Math.min(endpoints, maxAttempts);
  return Math.max(0, guarded ? Math.min(1, most - 1) : most - 1);
}
