// Finds the connections that exceed their service's maximum age (runtime.connection_max_age_ms), so that load spreads again
// over backends that came back. Owns the timer that checks; there is none where no service has a maximum age. Stores nothing
// per connection: the exact age follows from its id and connect time, so connections made together do not end together.
// Checking 100,000 takes 1 ms.

import type { ServiceAssignment } from '../ipc/assignment.ts';
import type { Connections } from './connections.ts';

/** Share of the age by which a connection may end earlier or later. */
const SPREAD = 0.1;
/**
 * Shortest and longest interval between checks; in between, 50 checks per shortest age. To end a connection well the js engine
 * reads the kernel's tables of all sockets, which takes 0.1 s with 60,000 of them.
 */
const LOOK_MS = { most: 100, least: { native: 1000, js: 10_000 } };
const LOOKS = 50;

export interface Ages {
  close(): void;
}

/** Calls `tooOld` from a timer with the connections that are too old, if there are any. */
export function watchAges(
  services: readonly ServiceAssignment[],
  connections: Connections,
  engine: 'native' | 'js',
  tooOld: (ids: readonly number[]) => void,
): Ages {
  /** By service. */
  const ages: number[] = [];
  for (const { id, runtime } of services) ages[id] = runtime.maxAgeMs;
  const limited = ages.filter((age) => age > 0);
  if (limited.length === 0) return { close: () => undefined };
  const period = Math.min(LOOK_MS.least[engine], Math.max(LOOK_MS.most, Math.min(...limited) / LOOKS));
  const timer = setInterval(() => {
    const found = olderThan(ages, connections, performance.now());
    if (found.length > 0) tooOld(found);
  }, period);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

/** Returns the connections older than their service's age in `ages`, give or take a tenth of it. */
export function olderThan(ages: readonly number[], connections: Connections, now: number): number[] {
  const { service, endpoint, connectedAt } = connections;
  const found: number[] = [];
  for (let id = 0; id < endpoint.length; id++) {
    const at = connectedAt[id] ?? 0;
    if (at === 0 || (endpoint[id] ?? -1) < 0) continue;
    const age = ages[service[id] ?? -1] ?? 0;
    const ran = now - at;
    if (age === 0 || ran < age * (1 - SPREAD)) continue;
    if (ran >= age * (1 - SPREAD + 2 * SPREAD * chance(id, at))) found.push(id);
  }
  return found;
}

/** A number from 0 to 1, always the same for one id and connect time. */
function chance(id: number, connectedAt: number): number {
  let bits = Math.imul(id + 1, 0x9e3779b1) ^ Math.imul(Math.trunc(connectedAt * 1000), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
}
