// Which backend a connection goes to. Pure and on the hot path: one pass over the routes, nothing allocated.

import { RANK_COOLING, RANK_USABLE, type ServiceTable } from '../../ipc/table.ts';

/** Backend ids; all that the choice asks of it. */
export interface Tried {
  has(backend: number): boolean;
}

/**
 * The route for a connection's next attempt, as an index into `service.routes`; -1 when nothing is left to try.
 *
 * The lowest rank with an untried route wins; within it round_robin takes the first route from `position` on, and
 * least_connections the one with the fewest live connections, `position` deciding a draw. The caller keeps one
 * `position` a service and sets it to the answer + 1 after every choice, also after a retry: else the neighbour of
 * a failing backend would get its share on top of its own.
 *
 * `tried` holds the backend ids this connection has tried, null before the first failure. `own` and `skipUntil` are
 * indexed by backend id: this worker's live connections, and until when (same clock as `now`) it leaves a
 * backend alone because a connect has just failed.
 */
export function choose(
  service: ServiceTable,
  position: number,
  tried: Tried | null,
  own: ArrayLike<number>,
  skipUntil: ArrayLike<number>,
  now: number,
): number {
  const { routes } = service;
  const byLoad = service.method === 'least_connections';
  let best = -1;
  let bestRank = Infinity;
  let bestLoad = Infinity;
  // Not `%`: one compare is cheaper than a division, and the position may be one past the end.
  for (let i = position < routes.length ? position : 0, left = routes.length; left > 0; left--, i++) {
    if (i === routes.length) i = 0;
    const route = routes[i];
    if (route === undefined || route.ip === null || tried?.has(route.backend) === true) continue;
    const skipped = route.rank === RANK_USABLE && (skipUntil[route.backend] ?? 0) > now;
    const rank = skipped ? RANK_COOLING : route.rank;
    if (rank > bestRank) continue;
    const load = byLoad ? route.elsewhere + (own[route.backend] ?? 0) : 0;
    if (rank === bestRank && load >= bestLoad) continue;
    if (rank === RANK_USABLE && !byLoad) return i;
    best = i;
    bestRank = rank;
    bestLoad = load;
  }
  return best;
}

/**
 * Where worker `id` begins its round; ids begin at 1. The first one begins at `start`, which is the first backend until clients
 * have come, and each further one at the next backend, so that not all begin with the same.
 */
export function firstPosition(id: number, start: number, routes: number): number {
  return routes === 0 ? 0 : (id - 1 + start) % routes;
}

/** How many more backends one client may try after its first attempt failed: all others once, but only one while guarded. */
export function retriesAllowed(routes: number, guarded: boolean): number {
  return Math.max(0, guarded ? Math.min(1, routes - 1) : routes - 1);
}
