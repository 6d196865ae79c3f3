// Figures of the whole instance, as `status` tells them.

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

/** Connections of the workers that serve: the fewest and the most that one has, and how many were moved to make them even. */
export interface SpreadStatus {
  readonly fewest: number;
  readonly most: number;
  readonly moved_total: number;
}
