// Slow start: a backend that came up gets its weight in tenths, so that one with cold caches is not flooded. Pure.

import type { Backend, PoolSettings } from './backend.ts';

const STEPS = 9;

/** How many tenths of its weight the backend gets: 10 unless it came up within the last `slowStartMs`. */
export function tenthsOf({ cameUpAt }: Backend, { slowStartMs }: PoolSettings, now: number): number {
  const ran = now - cameUpAt;
  return ran >= slowStartMs ? STEPS + 1 : 1 + Math.floor((ran / slowStartMs) * STEPS);
}

/** Ms until the next tenth; null once it has all. */
export function nextTenth(backend: Backend, settings: PoolSettings, now: number): number | null {
  const tenths = tenthsOf(backend, settings, now);
  if (tenths > STEPS) return null;
  return Math.max(0, backend.cameUpAt + (tenths * settings.slowStartMs) / STEPS - now);
}

/** What `status` and `why` show; null if the backend has its full weight, or none. */
export function slowStartOf(
  backend: Backend,
  settings: PoolSettings,
  now: number,
  wall = Date.now(),
): { readonly percent: number; readonly since: string } | null {
  const tenths = tenthsOf(backend, settings, now);
  if (tenths > STEPS || backend.health === 'down' || backend.draining || backend.weight === 0) return null;
  return { percent: tenths * 10, since: new Date(wall - (now - backend.cameUpAt)).toISOString() };
}
