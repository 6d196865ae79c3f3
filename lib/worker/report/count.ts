// A worker's counters in memory: the array that ipc/counters.ts lays out, with the offsets computed once, because the
// hot path only adds.

import type { BackendField } from '../../ipc/counters.ts';
import { BACKEND_FIELDS, SERVICE_FIELDS, backendAt, counterLength, serviceAt } from '../../ipc/counters.ts';
import { CONNECT_BOUNDS, DURATION_BOUNDS, bucketOf } from '../../ipc/histogram.ts';
import type { Reason } from '../../ipc/reasons.ts';
import { BACKEND_REASONS, REASONS } from '../../ipc/reasons.ts';

const ACTIVE = serviceAt(0, 'active');
const ACCEPTED = serviceAt(0, 'accepted_total');
const CONNECT = serviceAt(0, `connect_seconds_le_${CONNECT_BOUNDS[0]}`);
const CONNECT_SUM = serviceAt(0, 'connect_seconds_sum');
const DURATION = serviceAt(0, `duration_seconds_le_${DURATION_BOUNDS[0]}`);
const DURATION_SUM = serviceAt(0, 'duration_seconds_sum');
const B_ACTIVE = backendAt(0, 0, 'active');
const B_BYTES_IN = backendAt(0, 0, 'bytes_in');
const B_BYTES_OUT = backendAt(0, 0, 'bytes_out');
const B_CONNECTIONS = backendAt(0, 0, 'connections_total');
const ENDED = new Map<Reason, number>(REASONS.map((reason) => [reason, serviceAt(0, `ended_${reason}_total`)]));
const FAILED_LOCAL = serviceAt(0, 'failed_local_total');
const B_ENDED = new Map<Reason, number>(
  BACKEND_REASONS.map((reason) => [reason, backendAt(0, 0, `ended_${reason}_total`)]),
);
const B_RESET_EARLY = backendAt(0, 0, 'reset_early_total');

export interface Count {
  accepted(service: number): void;
  /** `backend`: the one it was connected to, or null. `early`: the client has got no byte from it. */
  ended(service: number, reason: Reason, durationMs: number, backend: number | null, early: boolean): void;
  /** A client was refused after an attempt for which this machine was short of something. */
  failedLocally(service: number): void;
  connected(service: number, backend: number, connectMs: number): void;
  failed(backend: number, field: BackendField): void;
  /** A connection begins (+1) or ceases (−1) to use a backend. */
  using(backend: number, change: 1 | -1): void;
  /** All values as they are now, to be read at once; `bytes` is the engine's. */
  values(bytes: Float64Array): Float64Array;
}

export function createCount(services: number, backends: number): Count {
  const values = new Float64Array(counterLength(services, backends));
  const serviceFields = SERVICE_FIELDS.length;
  const backendFields = BACKEND_FIELDS.length;
  const base = services * serviceFields;

  function add(index: number, amount: number): void {
    values[index] = (values[index] ?? 0) + amount;
  }

  return {
    accepted(service) {
      add(service * serviceFields + ACCEPTED, 1);
      add(service * serviceFields + ACTIVE, 1);
    },
    ended(service, reason, durationMs, backend, early) {
      const at = service * serviceFields;
      const seconds = durationMs / 1000;
      add(at + ACTIVE, -1);
      add(at + (ENDED.get(reason) ?? 0), 1);
      add(at + DURATION + bucketOf(DURATION_BOUNDS, seconds), 1);
      add(at + DURATION_SUM, seconds);
      const own = backend === null ? undefined : B_ENDED.get(reason);
      if (backend === null || own === undefined) return;
      add(base + backend * backendFields + own, 1);
      if (early && reason === 'backend_reset') add(base + backend * backendFields + B_RESET_EARLY, 1);
    },
    failedLocally(service) {
      add(service * serviceFields + FAILED_LOCAL, 1);
    },
    connected(service, backend, connectMs) {
      const at = service * serviceFields;
      const seconds = connectMs / 1000;
      add(at + CONNECT + bucketOf(CONNECT_BOUNDS, seconds), 1);
      add(at + CONNECT_SUM, seconds);
      add(base + backend * backendFields + B_CONNECTIONS, 1);
    },
    failed(backend, field) {
      add(backendAt(services, backend, field), 1);
    },
    using(backend, change) {
      add(base + backend * backendFields + B_ACTIVE, change);
    },
    values(bytes) {
      for (let backend = 0; backend < backends; backend++) {
        values[base + backend * backendFields + B_BYTES_IN] = bytes[2 * backend] ?? 0;
        values[base + backend * backendFields + B_BYTES_OUT] = bytes[2 * backend + 1] ?? 0;
      }
      return values;
    },
  };
}
