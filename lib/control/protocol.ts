// JSON over HTTP on `bal.sock`. `Status` is what `bal status --json` prints, and a contract with users: no key is ever removed.
//
//   GET  /status             → Status
//   GET  /plan               → Plan, the configuration in use (config/plan.ts)
//   GET  /why                → Why
//   GET  /events             → EventRecord[], oldest first
//   GET  /events/follow      → the same as lines (NDJSON), then each new one
//   POST /reload             → ReloadVerdict
//   POST /backends BackendRequest → BackendVerdict (backends.ts)
//   POST /upgrade UpgradeRequest → UpgradeVerdict (upgrade.ts)
//   POST /stop   StopRequest → lines of StopProgress (NDJSON) until the primary is about to exit

import type { DiscoveryStatus } from './discovery.ts';
import type { Change } from '../../config/diff.ts';
import type { Administrative, LiveChange, LiveChanges } from './backends.ts';
import type { ListenerStatus } from './listeners.ts';
import type { ConfigStatus } from './watch.ts';
import type { SpreadStatus, TotalsStatus } from './totals.ts';

export interface CheckCounters {
  readonly timeout: number;
  readonly refused: number;
  readonly other: number;
}

/** What came of the last clients of a service, or of the last connects and connections to a backend. */
export interface RecentStatus {
  /** The length of the window: a minute, or longer if fewer than 20 clients came in it. */
  readonly window_ms: number;
  readonly ended: number;
  /** Of these: not served, or reset by a backend. */
  readonly failed: number;
  /** Enough failed, and recently enough, to be a problem. For a backend, connects that checks also see do not count. */
  readonly failing: boolean;
  /** Reasons of ends, and for a backend causes of failed connects; only those that occurred. */
  readonly by_reason: Readonly<Record<string, number>>;
  /** Of those with backend_reset: before the client had got a byte. */
  readonly reset_early: number;
  /** Failed because this machine ran short: clients of a service, connects to a backend. */
  readonly local: number;
  /** The first failure after a stretch without any, and the last one; null when none failed. RFC 3339 UTC. */
  readonly since: string | null;
  readonly last: string | null;
}

export type BackendStateName = 'up' | 'down' | 'unknown' | 'draining';

/** Slow start: the part of its weight that the backend has now, see `runtime.slow_start_ms`. RFC 3339 UTC. */
export interface SlowStart {
  readonly percent: number;
  readonly since: string;
}

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
  /** As configured, or as set by `bal backend weight`; null if it has left the configuration. */
  readonly weight: number | null;
  /** Null if it has its full weight. */
  readonly slow_start: SlowStart | null;
  readonly backup: boolean | null;
  /** 0: unlimited. */
  readonly max_connections: number | null;
  /** `v1` or `v2`: the backend gets a PROXY header with the client's address. Null if it has left the configuration. */
  readonly send_proxy_protocol: 'none' | 'v1' | 'v2' | null;
  /** Source addresses to connect from, in turn; none: the system chooses. */
  readonly source: readonly string[];
  /** The name that resolves to it; null if it is in the file itself or was added. */
  readonly discovered_from: string | null;
  /** What `bal backend` has made of it, and since when (RFC 3339 UTC); null: as in the file. */
  readonly administrative: Administrative;
  readonly administrative_since: string | null;
  readonly recent: RecentStatus | null;
}

export interface ProtectionStatus {
  readonly enabled: boolean | null;
  readonly reason: string | null;
  readonly since: string | null;
  readonly exit_condition: string | null;
}

export interface ServiceStatus {
  readonly name: string;
  /** A path if the service listens on a Unix socket only; its port is 0 then. */
  readonly bind_address: string;
  readonly port: number;
  /** The path of its Unix socket, if it has one. */
  readonly bind_unix: string | null;
  readonly method: string;
  readonly backend_total: number;
  readonly backend_reachable: number | null;
  readonly backends: readonly BackendStatus[];
  readonly active_connections: number | null;
  readonly last_check_time: string | null;
  readonly protection_mode: ProtectionStatus;
  /** `none`: backends are not checked, and count as reachable until clients cannot reach them. */
  readonly health_check: string;
  /** Networks of proxies that must send a PROXY header; empty: none. */
  readonly accept_proxy_protocol: readonly string[];
  /** The TLS server names, and protocols, that its clients ask for; empty: any. */
  readonly server_name: readonly string[];
  readonly alpn: readonly string[];
  /** One per backend in the file whose `discover` is not `address`. */
  readonly discovery: readonly DiscoveryStatus[];
  /** Clients waiting because the limit is reached or every backend is full; only with overload_policy queue. */
  readonly waiting: number | null;
  /** Clients that have ever waited. */
  readonly waited_total: number | null;
  /** Connections by the reason of their end, since the start. */
  readonly ends: Readonly<Record<string, number>> | null;
  readonly recent: RecentStatus | null;
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

/** Workers that take no more clients: old ones after a reload, or all while bal stops. Counts those with connections. */
export interface DrainingStatus {
  readonly connections: number;
  readonly workers: number;
  readonly generations: number;
  /** When the last connection is cut, RFC 3339 UTC; null: never, or there are none. */
  readonly until: string | null;
}

/** Where the log goes. */
export interface LogStatus {
  /** null: to stdout, or nowhere (`fault` says why). */
  readonly file: string | null;
  /** What is wrong with the log now; null while all is well. */
  readonly fault: string | null;
}

/** If bal does not run: the same keys, `running: false`, and null for what cannot be known. */
export interface Status extends ConfigStatus {
  readonly running: boolean;
  readonly pid: number | null;
  /** The machine's name, and the instance's home directory on it. */
  readonly host: string | null;
  readonly home: string | null;
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
  /** null: it runs but does not answer. */
  readonly state: 'starting' | 'running' | 'reloading' | 'draining' | 'stopped' | null;
  readonly max_connections: number | null;
  readonly services: readonly ServiceStatus[];
  /** Listeners whose clients must first say which service they want. */
  readonly listeners: readonly ListenerStatus[];
  readonly workers: readonly WorkerStatus[];
  readonly draining: DrainingStatus | null;
  /** Null if fewer than two workers serve. */
  readonly spread?: SpreadStatus | null;
  readonly totals: TotalsStatus | null;
  readonly log: LogStatus | null;
  /** What `bal backend` has changed and the file does not have. */
  readonly live_changes: readonly LiveChange[];
}

/** Whether clients should be sent here: the answer to `/readyz`. */
export interface Readiness {
  readonly ready: boolean;
  /** Why not; empty when ready. */
  readonly reasons: readonly string[];
}

export interface ReloadVerdict {
  readonly ok: boolean;
  readonly generation: number;
  readonly changed: readonly Change[];
  /** Differences in the file that need a restart. */
  readonly unchangeable: readonly Change[];
  readonly workers_replaced: number;
  /** What `bal backend` had changed: what still holds beside the file, and what no longer does. */
  readonly live_changes: LiveChanges;
  /** Connections in old workers, including those of earlier reloads. */
  readonly draining: DrainingStatus | null;
  readonly duration_ms: number;
  /** Why not, as a diagnosis; null when ok. */
  readonly problem: Diagnosis | null;
  /** Configuration problems as in `check --json`; empty when ok. */
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

/** The three parts of every problem report. */
export interface Diagnosis {
  readonly what_happened: string;
  readonly why_likely: string;
  readonly do_this_now: string;
}

/** One event, as `bal events` shows it. The log has the same facts. */
export interface EventRecord {
  /** Increases by one with each event since the start. */
  readonly seq: number;
  readonly timestamp: string;
  /** As in the log. */
  readonly level: 'INFO' | 'WARN' | 'ERROR';
  readonly module: string;
  readonly event: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
