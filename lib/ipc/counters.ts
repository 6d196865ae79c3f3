// The layout of a worker's counters: one flat array of absolute values since the worker began. Kept in one file because
// the worker writes it, the primary adds it up, and both must agree.
//
//   [ service 0 fields | service 1 fields | … | backend 0 fields | backend 1 fields | … ]

import { CONNECT_BOUNDS, DURATION_BOUNDS, histogramFields } from './histogram.ts';
import { REASONS } from './reasons.ts';

export const SERVICE_FIELDS = [
  'active', // connections between accepted and ended (a gauge: falls)
  'accepted_total', // every client, also those refused
  ...REASONS.map((reason) => `ended_${reason}_total` as const),
  ...histogramFields('connect_seconds', CONNECT_BOUNDS),
  ...histogramFields('duration_seconds', DURATION_BOUNDS),
] as const;

export const BACKEND_FIELDS = [
  'active', // connected, not ended, or being connected (a gauge)
  'connections_total', // connected
  'bytes_in',
  'bytes_out',
  'refused_total',
  'timeout_total',
  'other_total',
] as const;

export type ServiceField = (typeof SERVICE_FIELDS)[number];
export type BackendField = (typeof BACKEND_FIELDS)[number];

/** Fields that may fall; all others never do. */
export const GAUGES: ReadonlySet<string> = new Set(['active']);

export function counterLength(services: number, backends: number): number {
  return services * SERVICE_FIELDS.length + backends * BACKEND_FIELDS.length;
}

const serviceOffset = new Map(SERVICE_FIELDS.map((field, i) => [field, i]));
const backendOffset = new Map(BACKEND_FIELDS.map((field, i) => [field, i]));

/** Index of a service's field. */
export function serviceAt(service: number, field: ServiceField): number {
  return service * SERVICE_FIELDS.length + (serviceOffset.get(field) ?? 0);
}

/** Index of a backend's field; `services` is how many services the layout has. */
export function backendAt(services: number, backend: number, field: BackendField): number {
  return services * SERVICE_FIELDS.length + backend * BACKEND_FIELDS.length + (backendOffset.get(field) ?? 0);
}
