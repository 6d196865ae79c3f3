// Maps the errno of a failed connect to a cause.

import type { ConnectFailure } from './engine.ts';

const FAILURES: ReadonlyMap<string, ConnectFailure> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['ETIMEDOUT', 'timeout'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['EHOSTDOWN', 'unreachable'],
  ['ENETDOWN', 'unreachable'],
  ['ECONNRESET', 'reset'],
  // The Unix socket does not exist.
  ['ENOENT', 'refused'],
  // Exhaustion on this machine: descriptors, memory, or no local port left to connect from.
  ['EMFILE', 'local'],
  ['ENFILE', 'local'],
  ['ENOBUFS', 'local'],
  ['ENOMEM', 'local'],
  ['EADDRNOTAVAIL', 'local'],
  ['EAGAIN', 'local'],
]);

/** `error`: what Node has thrown or emitted, or just its code. */
export function failureOf(error: { readonly code?: string | undefined }): ConnectFailure {
  // For a Unix socket it means that the backlog is full; for TCP, that this machine has run short.
  if (error.code === 'EAGAIN' && 'address' in error && String(error.address).startsWith('/')) return 'refused';
  return FAILURES.get(error.code ?? '') ?? 'other';
}
