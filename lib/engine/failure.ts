// What an errno says about a backend that could not be connected.

import type { ConnectFailure } from './engine.ts';

const FAILURES: ReadonlyMap<string, ConnectFailure> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['ETIMEDOUT', 'timeout'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['EHOSTDOWN', 'unreachable'],
  ['ENETDOWN', 'unreachable'],
  ['ECONNRESET', 'reset'],
  // Nobody has made the Unix socket.
  ['ENOENT', 'refused'],
  // Our own exhaustion: descriptors, memory, or no local port left to connect from.
  ['EMFILE', 'local'],
  ['ENFILE', 'local'],
  ['ENOBUFS', 'local'],
  ['ENOMEM', 'local'],
  ['EADDRNOTAVAIL', 'local'],
  ['EAGAIN', 'local'],
]);

/** `error`: what Node has thrown or emitted, or its code alone. */
export function failureOf(error: { readonly code?: string | undefined }): ConnectFailure {
  // A Unix socket whose queue of clients is full says so; for TCP it is us who have run short.
  if (error.code === 'EAGAIN' && 'address' in error && String(error.address).startsWith('/')) return 'refused';
  return FAILURES.get(error.code ?? '') ?? 'other';
}
