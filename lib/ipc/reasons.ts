// Why a connection ended: the closed list that records, metrics and `status` share.

import type { EndCode } from '../engine/engine.ts';
import { ENDS } from '../engine/engine.ts';

export const REASONS = [
  'client_closed', // clean, the client ended first
  'backend_closed', // clean, the backend ended first; or it did, and the client was silent for half_closed_timeout_ms
  'client_reset', // the client reset, its network failed, or it vanished
  'backend_reset', // the backend reset, its network failed, or it vanished
  'idle', // nothing moved for connection_idle_timeout_ms
  'client_gone', // the client went away before a backend was connected
  'connect_failed', // every backend that was tried refused or timed out
  'no_backend', // there was nothing to try
  'access_denied', // the client's address may not come, by access
  'too_many_from_source', // max_connections_per_source reached by the client's address
  'too_fast_from_source', // max_connection_rate_per_source
  'too_fast', // max_connection_rate, by all clients of the service
  'overload', // max_concurrent_connections reached, or max_connections by all backends that work, or what this worker's descriptors carry
  'bad_proxy_header', // a peer that has to say who its client is said something else
  'first_bytes_timeout', // it, or who has to say which server it asks for, said nothing, or not all of it, within first_bytes_timeout_ms
  'no_route', // no service of the listener is for the server or protocol that the client asks for, nor for all others
  'drain', // cut when drain_timeout_ms was over after a reload
  'stopped', // cut when bal was stopped
  'operator', // cut by `bal backend reset`, or when the time of `bal backend drain --timeout` was over
  'backend_down', // cut because the backend went down, with on_backend_down reset
  'max_age', // older than connection_max_age_ms
] as const;

export type Reason = (typeof REASONS)[number];

/** Whom bal turned away by its rules and limits, before a backend was looked for: nobody's failure. */
export const TURNED_AWAY = [
  'access_denied',
  'too_many_from_source',
  'too_fast_from_source',
  'too_fast',
  'overload',
  'no_route',
] as const satisfies readonly Reason[];

/** How a connection to a backend ends once it is made; for every other reason the client never got that far. */
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

/** What `log_connections: failed` records: all that did not end by the will of client or backend. */
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

/** Why the policy refused, or what a cut is for, where the engine's own code does not tell. `client_gone`: it refused who was going. */
export type Cause = Exclude<Reason, 'client_closed' | 'backend_closed' | 'client_reset' | 'backend_reset' | 'idle'>;

/** `cause` is what the policy knows of a refusal or a cut. */
export function reasonOf(end: EndCode, cause: Cause): Reason {
  const name = ENDS[end];
  return name === 'refused' || name === 'cut' ? cause : name;
}
