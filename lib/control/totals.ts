// Figures of the whole instance, as `status` shows them. Pure, and runs in a browser.

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

/** Clients refused since the start: by rules and limits, for their first bytes or the lack of them, and for lack of a backend. */
export interface Refused {
  readonly byRules: number;
  readonly byFirstBytes: number;
  readonly withoutBackend: number;
}

/** `totals` has only some of them; the rest is in `ends`. */
export function refusedIn({ totals, services, listeners }: Pick<Status, 'totals' | 'services' | 'listeners'>): Refused {
  // A bal of an older version sends no listeners.
  const ends = [...services, ...(listeners ?? [])].map((it) => it.ends ?? {});
  const byFirstBytes = ends.reduce(
    (sum, its) => sum + (its['bad_proxy_header'] ?? 0) + (its['first_bytes_timeout'] ?? 0),
    0,
  );
  return { byRules: totals?.rejected_total ?? 0, byFirstBytes, withoutBackend: totals?.failed_total ?? 0 };
}

/** Connections of the workers that serve: the fewest and the most of one worker, and how many were moved to even them out. */
export interface SpreadStatus {
  readonly fewest: number;
  readonly most: number;
  readonly moved_total: number;
}
