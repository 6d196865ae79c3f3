// `bal backend …` on the control socket: what may be asked, what comes of it, and how it is told what differs from the file.

import type { Diagnosis } from './protocol.ts';

export const BACKEND_ACTIONS = ['drain', 'ready', 'weight', 'reset', 'add', 'remove'] as const;
export type BackendAction = (typeof BACKEND_ACTIONS)[number];

export interface BackendRequest {
  readonly action: BackendAction;
  /** `host:port` as in the file. */
  readonly address: string;
  /** null: the only one that it can be. */
  readonly service: string | null;
  /** For `weight`, else null. */
  readonly weight: number | null;
  /** For `drain`: after so long what is left is cut. null: never. */
  readonly timeout_ms: number | null;
  /** Write it into the configuration file, too. */
  readonly save: boolean;
}

/** Whether an operator lets clients to a backend. `removed`: it is in the file, and shown as long as it has connections. */
export type Administrative = 'ready' | 'drained' | 'removed';

/** One thing in which the running instance is not as the file says. */
export interface LiveChange {
  readonly service: string;
  readonly address: string;
  readonly kind: 'drained' | 'weight' | 'added' | 'removed';
  /** `drained`, `weight 2, in the file 5`, … */
  readonly text: string;
  /** RFC 3339 UTC. */
  readonly since: string;
  /** When what is left of its connections is cut, RFC 3339 UTC; null: it is not. */
  readonly until: string | null;
}

/** What a reload makes of them. */
export interface LiveChanges {
  readonly kept: readonly LiveChange[];
  readonly dropped: readonly (LiveChange & { readonly why: string })[];
}

export interface BackendVerdict {
  readonly ok: boolean;
  readonly action: BackendAction;
  /** null where it is not known which one is meant. */
  readonly service: string | null;
  readonly address: string;
  /** False: it was so already. */
  readonly changed: boolean;
  /** Written into the configuration file. */
  readonly saved: boolean;
  /** What differs from the file now, of this backend. */
  readonly live_changes: readonly LiveChange[];
  /** Connections that it has now; null where it is not known. */
  readonly active_connections: number | null;
  /** Connections cut; null where nothing was to be cut. */
  readonly cut: number | null;
  /** Workers that take clients and have it in effect. */
  readonly workers_told: number;
  /** Done all the same, and worth a thought. */
  readonly warnings: readonly string[];
  readonly duration_ms: number;
  /** Why not; null when ok. */
  readonly problem: Diagnosis | null;
}

const KEYS: ReadonlySet<string> = new Set(['action', 'address', 'service', 'weight', 'timeout_ms', 'save']);
/** The longest time that may be asked for: a week. */
const MAX_TIMEOUT_MS = 7 * 24 * 3600 * 1000;

/** What the client asks for; null when it is no BackendRequest. What is left out of it is null or false. */
export function backendRequest(body: unknown): BackendRequest | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
  // A misspelt `save` or `service` would else be another request.
  if (!Object.keys(body).every((key) => KEYS.has(key))) return null;
  const { action, address, service = null, weight = null, timeout_ms = null, save = false } = Object(body);
  const known = BACKEND_ACTIONS.find((name) => name === action);
  if (known === undefined || typeof address !== 'string' || typeof save !== 'boolean') return null;
  if (service !== null && typeof service !== 'string') return null;
  if (weight !== null && !Number.isInteger(weight)) return null;
  if ((weight === null) === (known === 'weight')) return null;
  if (timeout_ms !== null && !(known === 'drain' && timeout_ms >= 0 && timeout_ms <= MAX_TIMEOUT_MS)) return null;
  // A reset is nothing that a file could say, and a drain that is saved is no drain any more.
  if (save && (known === 'reset' || timeout_ms !== null)) return null;
  return { action: known, address, service, weight, timeout_ms, save };
}
