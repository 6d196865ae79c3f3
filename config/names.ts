// The two names of each runtime value: its key in the file and its field in the plan. Free of typebox.
import type { Runtime } from './plan.ts';
import type { RuntimeKey } from './runtime.ts';

/** Maps key to field. A schema key without an entry here does not compile. */
export const RUNTIME_FIELDS = {
  health_check_interval_ms: 'healthIntervalMs',
  health_check_up_interval_ms: 'healthUpIntervalMs',
  health_check_timeout_ms: 'healthTimeoutMs',
  health_check_fail_threshold: 'fall',
  health_check_success_threshold: 'rise',
  backend_connect_timeout_ms: 'connectTimeoutMs',
  max_connect_attempts: 'maxAttempts',
  failover_backoff_initial_ms: 'backoffInitialMs',
  failover_backoff_max_ms: 'backoffMaxMs',
  backend_cooldown_ms: 'cooldownMs',
  early_failure_threshold: 'earlyFailures',
  slow_start_ms: 'slowStartMs',
  protection_trigger_threshold: 'protectionTrigger',
  protection_window_ms: 'protectionWindowMs',
  protection_stable_success_threshold: 'protectionStable',
  max_concurrent_connections: 'maxConnections',
  max_connections_per_source: 'maxPerSource',
  max_connection_rate_per_source: 'maxRatePerSource',
  max_connection_rate: 'maxRate',
  connection_idle_timeout_ms: 'idleMs',
  connection_max_age_ms: 'maxAgeMs',
  tcp_keepalive_ms: 'keepaliveMs',
  half_closed_timeout_ms: 'halfClosedMs',
  on_backend_down: 'onBackendDown',
  overload_policy: 'overloadPolicy',
  queue_timeout_ms: 'queueTimeoutMs',
  queue_max: 'queueMax',
  first_bytes_timeout_ms: 'firstBytesMs',
  tcp_backlog: 'backlog',
  drain_timeout_ms: 'drainMs',
  reload_drain_timeout_ms: 'reloadDrainMs',
  dns_max_age_ms: 'dnsMaxAgeMs',
} as const satisfies Record<RuntimeKey, keyof Runtime>;
