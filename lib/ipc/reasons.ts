// The reasons why connections end: a closed list, shared by records, metrics and `status`.

import type { EndCode } from '../engine/engine.ts';
import { ENDS } from '../engine/engine.ts';

export const REASONS = [
  'client_closed', // clean, the client ended first
  'backend_closed', // clean, the backend ended first, perhaps followed by half_closed_timeout_ms of silence from the client
  'client_reset', // the client reset, its network failed, or it vanished
  'backend_reset', // the backend reset, its network failed, or it vanished
  'idle', // nothing moved for connection_idle_timeout_ms
  'client_gone', // the client went away before a backend was connected
  'connect_failed', // every backend that was tried refused or timed out
  'no_backend', // there was no backend to try
  'access_denied', // the client's address is not allowed by access
  'too_many_from_source', // max_connections_per_source reached by the client's address
  'too_fast_from_source', // max_connection_rate_per_source
  'too_fast', // max_connection_rate, by all clients of the service
  'overload', // reached max_concurrent_connections, or max_connections of all working backends, or this worker's descriptors
  'bad_proxy_header', // a proxy sent no valid PROXY header
  'first_bytes_timeout', // a PROXY header or ClientHello was not complete within first_bytes_timeout_ms
  'no_route', // no service of the listener matches the server name or protocol of the client
  'drain', // cut when drain_timeout_ms was over after a reload
  'stopped', // cut when bal was stopped
  'operator', // cut by `bal backend reset`, or when the time of `bal backend drain --timeout` was over
  'backend_down', // cut because the backend went down, with on_backend_down reset
  'max_age', // older than connection_max_age_ms
] as const;

export type Reason = (typeof REASONS)[number];

/** Clients turned away by rules and limits before a backend was chosen. These are not failures. */
export const TURNED_AWAY = [
  'access_denied',
  'too_many_from_source',
  'too_fast_from_source',
  'too_fast',
  'overload',
  'no_route',
] as const satisfies readonly Reason[];

/** The reasons why an established connection to a backend ends. With any other reason the client never got that far. */
export const BACKEND_REASONS = [
  'client_closed',
  'backend_closed',
  'client_reset',
  'backend_reset',
  'idle',
  'drain',
  'stopped',
  'operator',
  'backend_down',
  'max_age',
] as const satisfies readonly Reason[];

/** Clients that bal itself refused. */
export const REFUSALS = [
  ...TURNED_AWAY,
  'no_backend',
  'connect_failed',
  'bad_proxy_header',
  'first_bytes_timeout',
] as const satisfies readonly Reason[];

/** The reasons recorded by `log_connections: failed`: all ends that client or backend did not intend. */
export const FAILED: ReadonlySet<Reason> = new Set<Reason>([
  'backend_reset',
  'idle',
  'connect_failed',
  'no_backend',
  ...TURNED_AWAY,
  'bad_proxy_header',
  'first_bytes_timeout',
  'drain',
  'stopped',
  'operator',
  'backend_down',
  'max_age',
]);

/** Why the policy refused or cut a connection, which the engine's code does not tell. `client_gone`: the client was already leaving. */
export type Cause = Exclude<Reason, 'client_closed' | 'backend_closed' | 'client_reset' | 'backend_reset' | 'idle'>;

/** `cause` is the policy's reason for a refusal or a cut. */
export function reasonOf(end: EndCode, cause: Cause): Reason {
  const name = ENDS[end];
  return name === 'refused' || name === 'cut' ? cause : name;
}
