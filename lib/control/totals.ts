// Figures of the whole instance, as `status` tells them. Pure, and fit for a browser.

import type { Status } from './protocol.ts';

export interface TotalsStatus {
  readonly active_connections: number;
  readonly connections_total: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly rejected_total: number;
  readonly failed_total: number;
  readonly workers_respawned_total: number;
  readonly reloads_total: number;
  readonly log_lines_dropped_total: number;
}

/** Clients that were refused since start, and why: by rules and limits, for what they said or did not say first, without a backend. */
export interface Refused {
  readonly byRules: number;
  readonly byFirstBytes: number;
  readonly withoutBackend: number;
}

/** `totals` has only some of them; the reasons of ends have the rest. */
export function refusedIn({ totals, services, listeners }: Pick<Status, 'totals' | 'services' | 'listeners'>): Refused {
  // One that was started before an update says nothing of listeners.
  const ends = [...services, ...(listeners ?? [])].map((it) => it.ends ?? {});
  const byFirstBytes = ends.reduce(
    (sum, its) => sum + (its['bad_proxy_header'] ?? 0) + (its['first_bytes_timeout'] ?? 0),
    0,
  );
  return { byRules: totals?.rejected_total ?? 0, byFirstBytes, withoutBackend: totals?.failed_total ?? 0 };
}

/** Connections of the workers that serve: the fewest and the most that one has, and how many were moved to make them even. */
export interface SpreadStatus {
  readonly fewest: number;
  readonly most: number;
  readonly moved_total: number;
}
