// How clients fared according to the workers' counters: which fields count an end or a failure, and their names in the recent
// outcomes (recent.ts).

import { ENDPOINT_FIELDS, SERVICE_FIELDS } from '../../ipc/counters.ts';
import type { EndpointField, ServiceField } from '../../ipc/counters.ts';
import { BACKEND_REASONS, REASONS } from '../../ipc/reasons.ts';
import type { Reason } from '../../ipc/reasons.ts';

/** The reason of an end, the cause of a failed connect, or a detail of one of them. */
export type OutcomeKind =
  | Reason
  | 'refused'
  | 'timeout'
  | 'other'
  /** A connect that failed because this machine ran short. */
  | 'local'
  /** Of the clients with connect_failed: this machine ran short during one of their attempts. */
  | 'local_clients'
  /** Of those with backend_reset: the client had not got a byte. */
  | 'reset_early';

/** Clients of a service, or connections and attempts of one backend, with the same kind of end. */
export interface Outcome {
  readonly service: string;
  /** The service for its clients, the backend's endpointKey(). */
  readonly key: string;
  readonly what: OutcomeKind;
  readonly count: number;
}

const ofService = new Map<ServiceField, OutcomeKind>([
  ...REASONS.map((reason) => [`ended_${reason}_total`, reason] as const),
  ['failed_local_total', 'local_clients'],
]);

const ofBackend = new Map<EndpointField, OutcomeKind>([
  ...BACKEND_REASONS.map((reason) => [`ended_${reason}_total`, reason] as const),
  ['refused_total', 'refused'],
  ['timeout_total', 'timeout'],
  ['other_total', 'other'],
  ['local_total', 'local'],
  ['reset_early_total', 'reset_early'],
]);

/** By the index of a field; null if it counts something else. */
export const SERVICE_OUTCOMES: readonly (OutcomeKind | null)[] = SERVICE_FIELDS.map(
  (field) => ofService.get(field) ?? null,
);
export const ENDPOINT_OUTCOMES: readonly (OutcomeKind | null)[] = ENDPOINT_FIELDS.map(
  (field) => ofBackend.get(field) ?? null,
);
