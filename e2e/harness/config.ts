// Configurations for scenarios: one service on loopback, with health checks and drain as quick as possible, so that no test waits
// for a default meant for operators.
import type { Backend } from './backend.ts';

type Where = Pick<Backend, 'host' | 'port'>;

export const QUICK = {
  health_check_interval_ms: 100,
  // Long enough for a machine busy with other tests: only a real hang times out.
  health_check_timeout_ms: 5000,
  health_check_fail_threshold: 2,
  health_check_success_threshold: 1,
  backend_connect_timeout_ms: 5000,
  failover_backoff_initial_ms: 50,
  failover_backoff_max_ms: 200,
  backend_cooldown_ms: 100,
  drain_timeout_ms: 5000,
} as const;

/** `more` overrides the top level, its `runtime` the quick one. */
export function configFor(
  port: number,
  backends: readonly Where[],
  { runtime = {}, ...more }: { runtime?: Readonly<Record<string, unknown>> } & Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    port,
    bind_address: '127.0.0.1',
    workers: 2,
    backends: backends.map(({ host, port: at }) => ({ host, port: at })),
    runtime: { ...QUICK, ...runtime },
    ...more,
  };
}
