// `bal backend …` on the control socket: the request, the verdict, and the differences from the file.

import type { Diagnosis } from './protocol.ts';

export const BACKEND_ACTIONS = ['drain', 'ready', 'weight', 'reset', 'add', 'remove'] as const;
export type BackendAction = (typeof BACKEND_ACTIONS)[number];

export interface BackendRequest {
  readonly action: BackendAction;
  /** `host:port` as in the file. */
  readonly address: string;
  /** null: the only service that has the address. */
  readonly service: string | null;
  /** For `weight`, else null. */
  readonly weight: number | null;
  /** For `drain`: when the remaining connections are cut. null: never. */
  readonly timeout_ms: number | null;
  /** Also write the change into the configuration file. */
  readonly save: boolean;
}

/** Whether the operator lets clients go to a backend. `removed`: it is in the file, and shown as long as it has connections. */
export type Administrative = 'ready' | 'drained' | 'removed';

/** One difference between the running instance and the file. */
export interface LiveChange {
  readonly service: string;
  readonly address: string;
  readonly kind: 'drained' | 'weight' | 'added' | 'removed';
  /** `drained`, `weight 2, in the file 5`, … */
  readonly text: string;
  /** RFC 3339 UTC. */
  readonly since: string;
  /** When its remaining connections are cut, RFC 3339 UTC; null: never. */
  readonly until: string | null;
}

/** What a reload makes of the live changes. */
export interface LiveChanges {
  readonly kept: readonly LiveChange[];
  readonly dropped: readonly (LiveChange & { readonly why: string })[];
}

export interface BackendVerdict {
  readonly ok: boolean;
  readonly action: BackendAction;
  /** null if it is unclear which one is meant. */
  readonly service: string | null;
  readonly address: string;
  /** False: it was so already. */
  readonly changed: boolean;
  /** Written into the configuration file. */
  readonly saved: boolean;
  /** The backend's differences from the file now. */
  readonly live_changes: readonly LiveChange[];
  /** Its connections now; null if unknown. */
  readonly active_connections: number | null;
  /** Connections cut; null if none were to be cut. */
  readonly cut: number | null;
  /** Workers that take clients and have applied the change. */
  readonly workers_told: number;
  /** Problems of a change that was made all the same. */
  readonly warnings: readonly string[];
  readonly duration_ms: number;
  /** Why not; null when ok. */
  readonly problem: Diagnosis | null;
}

const KEYS: ReadonlySet<string> = new Set(['action', 'address', 'service', 'weight', 'timeout_ms', 'save']);
/** The longest time that a request may have: a week. */
const MAX_TIMEOUT_MS = 7 * 24 * 3600 * 1000;

/** Validates a BackendRequest; null if it is none. Missing fields become null or false. */
export function backendRequest(body: unknown): BackendRequest | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
  // Otherwise a misspelt `save` or `service` would be another request.
  if (!Object.keys(body).every((key) => KEYS.has(key))) return null;
  const { action, address, service = null, weight = null, timeout_ms = null, save = false } = Object(body);
  const known = BACKEND_ACTIONS.find((name) => name === action);
  if (known === undefined || typeof address !== 'string' || typeof save !== 'boolean') return null;
  if (service !== null && typeof service !== 'string') return null;
  if (weight !== null && !Number.isInteger(weight)) return null;
  if ((weight === null) === (known === 'weight')) return null;
  if (timeout_ms !== null && !(known === 'drain' && Number.isInteger(timeout_ms))) return null;
  if (timeout_ms < 0 || timeout_ms > MAX_TIMEOUT_MS) return null;
  // A file cannot express a reset, and a saved drain becomes weight 0, which has no end.
  if (save && (known === 'reset' || timeout_ms !== null)) return null;
  return { action: known, address, service, weight, timeout_ms, save };
}
