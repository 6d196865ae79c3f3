// Chooses the endpoint of a connection. Hot path: allocates nothing, and walks the list only where the method's picker has no
// answer (methods/picker.ts).

import { TIER_COOLING } from '../../ipc/snapshot.ts';
import type { Service } from './endpoints.ts';
import type { Ask, Counts } from './methods/picker.ts';

export type { Ask, Tried } from './methods/picker.ts';

/** Nothing is left to try. */
export const NOTHING = -1;
/** The working endpoints left to try are at their connection limit. */
export const FULL = -2;

/**
 * Returns where a connection's next attempt goes, as an index into `service.endpoints`, or NOTHING or FULL.
 *
 * The lowest tier with an untried endpoint that is not full wins; within it the service's method decides. Full endpoints are
 * skipped, but no client goes to a failed endpoint because the working ones are full. The picker records every choice, also of a
 * retry: else the neighbour of a failing endpoint would get its share on top of its own.
 */
export function choose({ endpoints, picker }: Pick<Service, 'endpoints' | 'picker'>, ask: Ask): number {
  const picked = picker.pick(ask);
  return picked >= 0 ? picked : search(endpoints, picker, ask);
}

/** Searches all remaining endpoints, including those that are not first in line. */
function search(endpoints: Service['endpoints'], picker: Service['picker'], ask: Ask): number {
  const { tried, now, loads } = ask;
  const { skipUntil } = ask.evidence;
  let best = NOTHING;
  let bestTier = Infinity;
  let bestRank = Infinity;
  let isFull = false;
  for (let i = picker.from, left = endpoints.length; left > 0; left--, i++) {
    if (i >= endpoints.length) i = 0;
    const endpoint = endpoints[i];
    if (endpoint === undefined || endpoint.ip === null || endpoint.weight === 0) continue;
    if (tried?.has(endpoint.id) === true) continue;
    const skipped = endpoint.tier < TIER_COOLING && (skipUntil[endpoint.id] ?? 0) > now;
    const tier = skipped ? endpoint.tier + TIER_COOLING : endpoint.tier;
    if (tier > bestTier) continue;
    if (endpoint.maxConnections > 0 && loads.of(endpoint.id) >= endpoint.maxConnections) {
      isFull ||= tier < TIER_COOLING;
      continue;
    }
    const rank = picker.rank(i, ask);
    if (tier === bestTier && rank >= bestRank) continue;
    best = i;
    bestTier = tier;
    bestRank = rank;
  }
  if (isFull && bestTier >= TIER_COOLING) return FULL;
  if (best >= 0) picker.chose(best);
  return best;
}

/** Whether some working endpoint has room for one more. */
export function hasRoom({ endpoints }: Pick<Service, 'endpoints'>, loads: Counts): boolean {
  return endpoints.some(
    ({ id, ip, weight, tier, maxConnections }) =>
      ip !== null && weight > 0 && tier < TIER_COOLING && (maxConnections === 0 || loads.of(id) < maxConnections),
  );
}

/**
 * Returns where worker `id` begins its round; ids begin at 1. The first worker begins at `start`, which is 0 until clients have
 * come, and each further worker one later, so that they do not all begin with the same endpoint.
 */
export function firstPosition(id: number, start: number, endpoints: number): number {
  return endpoints === 0 ? 0 : (id - 1 + start) % endpoints;
}

/**
 * How many more endpoints a client may try after its first attempt failed: each other one once, but only one while guarded, and
 * at most `maxAttempts` attempts in all, unless that is 0.
 */
export function retriesAllowed(endpoints: number, guarded: boolean, maxAttempts: number): number {
  const most = maxAttempts === 0 ? endpoints : Math.min(endpoints, maxAttempts);
  return Math.max(0, guarded ? Math.min(1, most - 1) : most - 1);
}
