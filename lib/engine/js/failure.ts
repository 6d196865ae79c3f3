// What an errno says about a backend that could not be connected.

import type { CONNECT_FAILURES } from '../engine.ts';

type Failure = (typeof CONNECT_FAILURES)[number];

const FAILURES: ReadonlyMap<string, Failure> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['ETIMEDOUT', 'timeout'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['EHOSTDOWN', 'unreachable'],
  ['ENETDOWN', 'unreachable'],
  ['ECONNRESET', 'reset'],
  // Our own shortage: descriptors, memory, or no local port left to connect from.
  ['EMFILE', 'local'],
  ['ENFILE', 'local'],
  ['ENOBUFS', 'local'],
  ['ENOMEM', 'local'],
  ['EADDRNOTAVAIL', 'local'],
  ['EAGAIN', 'local'],
]);

export function failureOf(error: NodeJS.ErrnoException): Failure {
  return FAILURES.get(error.code ?? '') ?? 'other';
}
