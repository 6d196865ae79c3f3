// A worker's counters in memory, in the arrays that ipc/counters.ts lays out. Offsets are computed once, so the hot path only
// adds.

import type { ConnectFailure } from '../../engine/engine.ts';
import type { EndpointField } from '../../ipc/counters.ts';
import { ENDPOINT_FIELDS, SERVICE_FIELDS, endpointAt, serviceAt } from '../../ipc/counters.ts';
import { CONNECT_BOUNDS, DURATION_BOUNDS, bucketOf } from '../../ipc/histogram.ts';
import type { Reason } from '../../ipc/reasons.ts';
import { BACKEND_REASONS, REASONS } from '../../ipc/reasons.ts';
import { grown } from '../../grown.ts';

const ACTIVE = serviceAt(0, 'active');
const ACCEPTED = serviceAt(0, 'accepted_total');
const WAITING = serviceAt(0, 'waiting');
const WAITED = serviceAt(0, 'waited_total');
const CONNECT = serviceAt(0, `connect_seconds_le_${CONNECT_BOUNDS[0]}`);
const CONNECT_SUM = serviceAt(0, 'connect_seconds_sum');
const DURATION = serviceAt(0, `duration_seconds_le_${DURATION_BOUNDS[0]}`);
const DURATION_SUM = serviceAt(0, 'duration_seconds_sum');
const E_ACTIVE = endpointAt(0, 'active');
const E_BYTES_IN = endpointAt(0, 'bytes_in');
const E_BYTES_OUT = endpointAt(0, 'bytes_out');
const E_CONNECTIONS = endpointAt(0, 'connections_total');
const ENDED = new Map<Reason, number>(REASONS.map((reason) => [reason, serviceAt(0, `ended_${reason}_total`)]));
const FAILED_LOCAL = serviceAt(0, 'failed_local_total');
const E_ENDED = new Map<Reason, number>(
  BACKEND_REASONS.map((reason) => [reason, endpointAt(0, `ended_${reason}_total`)]),
);
const E_RESET_EARLY = endpointAt(0, 'reset_early_total');

const FAILURE_FIELD: Readonly<Record<ConnectFailure, EndpointField>> = {
  refused: 'refused_total',
  timeout: 'timeout_total',
  unreachable: 'other_total',
  reset: 'other_total',
  local: 'local_total',
  other: 'other_total',
};

/** Absolute values. The arrays are live: read them at once. */
export interface Counters {
  readonly services: Float64Array;
  readonly endpoints: Float64Array;
}

export interface Count {
  /** Makes room for them. */
  reserveService(service: number): void;
  reserveEndpoint(endpoint: number): void;
  accepted(service: number): void;
  /** A listener's client becomes (+1) or stops being (−1) one without a service. */
  undecided(listener: number, change: 1 | -1): void;
  /** `endpoint`: the one it was connected to, or null. `early`: the client got no byte from it. */
  ended(service: number, reason: Reason, durationMs: number, endpoint: number | null, early: boolean): void;
  /** A client was refused after an attempt that failed because this machine was short of something. */
  failedLocally(service: number): void;
  connected(service: number, endpoint: number, connectMs: number): void;
  failed(endpoint: number, cause: ConnectFailure): void;
  /** A connection starts (+1) or stops (−1) using an endpoint. */
  using(endpoint: number, change: 1 | -1): void;
  /** A connection arrives from another worker (+1) or leaves for one (−1). */
  moved(service: number, endpoint: number, change: 1 | -1): void;
  /** Sets a service's clients that wait now, and all that ever waited. */
  waiting(service: number, now: number, total: number): void;
  /** Resets the endpoint's counters to zero. */
  forget(endpoint: number): void;
  /** Returns all current values; `bytes` is the engine's. */
  values(bytes: Float64Array): Counters;
}

export function createCount(): Count {
  let services = new Float64Array();
  let endpoints = new Float64Array();
  /** Endpoints whose bytes the engine counts. */
  const live = new Set<number>();
  const serviceFields = SERVICE_FIELDS.length;
  const endpointFields = ENDPOINT_FIELDS.length;

  function add(values: Float64Array, at: number, amount: number): void {
    values[at] = (values[at] ?? 0) + amount;
  }

  return {
    reserveService(service) {
      services = grown(services, (service + 1) * serviceFields - 1);
    },
    reserveEndpoint(endpoint) {
      endpoints = grown(endpoints, (endpoint + 1) * endpointFields - 1);
      live.add(endpoint);
    },
    accepted(service) {
      add(services, service * serviceFields + ACCEPTED, 1);
      add(services, service * serviceFields + ACTIVE, 1);
    },
    undecided(listener, change) {
      add(services, listener * serviceFields + ACTIVE, change);
    },
    ended(service, reason, durationMs, endpoint, early) {
      const at = service * serviceFields;
      const seconds = durationMs / 1000;
      add(services, at + ACTIVE, -1);
      add(services, at + (ENDED.get(reason) ?? 0), 1);
      add(services, at + DURATION + bucketOf(DURATION_BOUNDS, seconds), 1);
      add(services, at + DURATION_SUM, seconds);
      const own = endpoint === null ? undefined : E_ENDED.get(reason);
      if (endpoint === null || own === undefined) return;
      add(endpoints, endpoint * endpointFields + own, 1);
      if (early && reason === 'backend_reset') add(endpoints, endpoint * endpointFields + E_RESET_EARLY, 1);
    },
    failedLocally(service) {
      add(services, service * serviceFields + FAILED_LOCAL, 1);
    },
    connected(service, endpoint, connectMs) {
      const at = service * serviceFields;
      const seconds = connectMs / 1000;
      add(services, at + CONNECT + bucketOf(CONNECT_BOUNDS, seconds), 1);
      add(services, at + CONNECT_SUM, seconds);
      add(endpoints, endpoint * endpointFields + E_CONNECTIONS, 1);
    },
    failed(endpoint, cause) {
      add(endpoints, endpointAt(endpoint, FAILURE_FIELD[cause]), 1);
    },
    using(endpoint, change) {
      add(endpoints, endpoint * endpointFields + E_ACTIVE, change);
    },
    moved(service, endpoint, change) {
      add(services, service * serviceFields + ACTIVE, change);
      add(endpoints, endpoint * endpointFields + E_ACTIVE, change);
    },
    waiting(service, now, total) {
      services[service * serviceFields + WAITING] = now;
      services[service * serviceFields + WAITED] = total;
    },
    forget(endpoint) {
      live.delete(endpoint);
      endpoints.fill(0, endpoint * endpointFields, (endpoint + 1) * endpointFields);
    },
    values(bytes) {
      for (const endpoint of live) {
        endpoints[endpoint * endpointFields + E_BYTES_IN] = bytes[2 * endpoint] ?? 0;
        endpoints[endpoint * endpointFields + E_BYTES_OUT] = bytes[2 * endpoint + 1] ?? 0;
      }
      return { services, endpoints };
    },
  };
}
