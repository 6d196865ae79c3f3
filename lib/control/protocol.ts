// What the primary says over its control socket: JSON over HTTP on `bal.sock`. `Status` is also what `bal status --json`
// prints, so its keys are a contract with users: never rename or remove one.
//
//   GET  /status             → Status
//   POST /reload             → ReloadVerdict
//   POST /stop   StopRequest → lines of StopProgress (NDJSON) until the primary is about to exit

import type { Change } from '../../config/diff.ts';

export interface CheckCounters {
  readonly timeout: number;
  readonly refused: number;
  readonly other: number;
}

export type BackendStateName = 'up' | 'down' | 'unknown' | 'draining';

export interface BackendStatus {
  readonly address: string;
  readonly reachable: boolean | null;
  readonly state: BackendStateName | null;
  readonly active_connections: number | null;
  /** RFC 3339 UTC, null before the first check. */
  readonly last_check_time: string | null;
  /** Failed connects and checks since start. */
  readonly counters: CheckCounters | null;
  readonly connections_total: number | null;
  readonly bytes_in: number | null;
  readonly bytes_out: number | null;
  /** What is left of the cool-down. */
  readonly cooldown_ms: number | null;
}

export interface ProtectionStatus {
  readonly enabled: boolean | null;
  readonly reason: string | null;
  readonly since: string | null;
  readonly exit_condition: string | null;
}

export interface ServiceStatus {
  readonly name: string;
  readonly bind_address: string;
  readonly port: number;
  readonly method: string;
  readonly backend_total: number;
  readonly backend_reachable: number | null;
  readonly backends: readonly BackendStatus[];
  readonly active_connections: number | null;
  readonly last_check_time: string | null;
  readonly protection_mode: ProtectionStatus;
}

export interface WorkerStatus {
  readonly id: number;
  readonly pid: number;
  readonly state: 'forked' | 'ready' | 'draining';
  readonly generation: number;
  readonly active_connections: number;
  readonly connections_total: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly rejected_total: number;
  readonly rss_bytes: number;
}

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

/** When bal does not run: the same keys, `running: false`, what cannot be known null. */
export interface Status {
  readonly running: boolean;
  readonly pid: number | null;
  readonly config_path: string | null;
  readonly bind_address: string | null;
  readonly port: number | null;
  readonly method: string | null;
  readonly backend_total: number | null;
  readonly backend_reachable: number | null;
  readonly backends: readonly BackendStatus[];
  readonly active_connections: number | null;
  readonly last_check_time: string | null;
  readonly protection_mode: ProtectionStatus;
  readonly version: string;
  readonly engine: 'native' | 'js' | null;
  readonly uptime_ms: number | null;
  readonly generation: number | null;
  readonly state: 'starting' | 'running' | 'reloading' | 'draining' | 'stopped';
  readonly max_connections: number | null;
  readonly services: readonly ServiceStatus[];
  readonly workers: readonly WorkerStatus[];
  readonly totals: TotalsStatus | null;
}

export interface ReloadVerdict {
  readonly ok: boolean;
  readonly generation: number;
  readonly changed: readonly Change[];
  /** What differs in the file but needs a restart. */
  readonly unchangeable: readonly Change[];
  readonly workers_replaced: number;
  readonly duration_ms: number;
  /** Why not, as the triplet; null when ok. */
  readonly problem: Triplet | null;
  /** Configuration problems as `check --json` has them; empty when ok. */
  readonly errors: readonly unknown[];
}

export interface StopRequest {
  /** Overrides drain_timeout_ms. */
  readonly timeout_ms: number | null;
  readonly now: boolean;
}

export interface StopProgress {
  readonly remaining: number;
  /** Present in the last line only. */
  readonly cut?: number;
}

/** What every problem tells the operator, in these words. */
export interface Triplet {
  readonly what_happened: string;
  readonly why_likely: string;
  readonly do_this_now: string;
}
