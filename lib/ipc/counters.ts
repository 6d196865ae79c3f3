// The counters of a worker for each service and endpoint: absolute values since it began. The worker writes them and the primary adds
// them up, so both share this file. A value's index is the id times the number of fields, plus the field.
//
// A report has only the fields that have changed since the last one, `[at, value, at, value, …]`. Of a thousand endpoints most are
// unchanged, and their zeros would dominate the cost on both sides: a full report with 7 fields for each of 1,024 took a worker
// 0.3 ms and the primary 0.7 ms; 16 fields without a change take 0.06 and 0.004 ms.

import { CONNECT_BOUNDS, DURATION_BOUNDS, histogramFields } from './histogram.ts';
import { BACKEND_REASONS, REASONS } from './reasons.ts';

export const SERVICE_FIELDS = [
  'active', // connections between accepted and ended (a gauge: falls)
  'accepted_total', // every client, including refused ones
  ...REASONS.map((reason) => `ended_${reason}_total` as const),
  'waiting', // clients waiting for a backend or a permit with overload_policy queue (a gauge)
  'waited_total', // clients that ever waited
  'failed_local_total', // ended with connect_failed, and this machine ran short in at least one attempt
  ...histogramFields('connect_seconds', CONNECT_BOUNDS),
  ...histogramFields('duration_seconds', DURATION_BOUNDS),
] as const;

export const ENDPOINT_FIELDS = [
  'active', // being connected, or connected and not ended (a gauge)
  'connections_total', // connected
  'bytes_in',
  'bytes_out',
  'refused_total',
  'timeout_total',
  'other_total',
  'local_total', // attempts that failed because this machine ran short
  ...BACKEND_REASONS.map((reason) => `ended_${reason}_total` as const), // once connected
  'reset_early_total', // ended with backend_reset before the client got a byte
] as const;

export type ServiceField = (typeof SERVICE_FIELDS)[number];
export type EndpointField = (typeof ENDPOINT_FIELDS)[number];

/** Fields that may fall; all others never do. */
export const GAUGES: ReadonlySet<string> = new Set(['active', 'waiting']);

/** The values that differ from `sent`, in the form of a report. */
export function changesSince(sent: Float64Array, values: Float64Array): number[] {
  const changes: number[] = [];
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0;
    if (value !== (sent[at] ?? 0)) changes.push(at, value);
  }
  return changes;
}

const serviceOffset = new Map(SERVICE_FIELDS.map((field, i) => [field, i]));
const endpointOffset = new Map(ENDPOINT_FIELDS.map((field, i) => [field, i]));

/** The index of a service's field. */
export function serviceAt(service: number, field: ServiceField): number {
  return service * SERVICE_FIELDS.length + (serviceOffset.get(field) ?? 0);
}

/** The index of an endpoint's field. */
export function endpointAt(endpoint: number, field: EndpointField): number {
  return endpoint * ENDPOINT_FIELDS.length + (endpointOffset.get(field) ?? 0);
}
