// Clients that are libraries: Debian's Python with short scripts that call them.
import type { Owner } from '../../../lib/testing/owner.ts';
import { talkTo, type Talk } from '../../harness/talk.ts';

/** The interpreter of Debian's packages; another one may come first in PATH. */
export const PYTHON = '/usr/bin/python3';
const packages = '/usr/lib/python3/dist-packages';
export const PSYCOPG = `${packages}/psycopg2`;
export const WEBSOCKETS = `${packages}/websockets`;

export function python(owner: Owner, program: string, ...args: readonly string[]): Talk {
  return talkTo(owner, PYTHON, ['-u', '-c', program, ...args]);
}
