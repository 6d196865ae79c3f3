// Unix sockets: a path in place of host and port. Its first character identifies it: in the file, in the plan's `host`, and in
// the addresses that workers and engines get.
import { isIP } from 'node:net';
import { posix } from 'node:path';
import type { Complaint } from './host.ts';

/** Linux's sun_path has 108 bytes, one of them the terminator. */
const MAX_BYTES = 107;
const EXPECTED = `expected an absolute path of at most ${MAX_BYTES} bytes`;

export function isPath(host: string): boolean {
  return host.startsWith('/');
}

/** Whether to connect to it as is; everything else is a name to resolve. */
export function isLiteral(host: string): boolean {
  return isPath(host) || isIP(host) !== 0;
}

/** Returns the path of `/run/app.sock` or `unix:/run/app.sock`; null if it is no Unix socket. */
export function pathIn(address: string): string | null {
  const path = address.startsWith('unix:') ? address.slice('unix:'.length) : address;
  return isPath(path) ? path : null;
}

/** Returns why the mode of a socket file is invalid, or null. */
export function judgeMode(text: string): Complaint | null {
  if (/^0?[0-7]{3}$/.test(text)) return null;
  return { expected: 'expected the mode of a file, three octal digits', hint: 'for example "0660"' };
}

/** Returns why the path of a Unix socket is invalid, or null. */
export function judgeUnix(path: string): Complaint | null {
  if (path.startsWith('unix:')) return { expected: EXPECTED, hint: `leave out "unix:"` };
  if (path.startsWith('~')) return { expected: EXPECTED, hint: '~ is not expanded: write the whole path' };
  // Accept only one spelling, so that equal paths compare equal.
  const plain = posix.normalize(path);
  if (isPath(path) && plain !== path && !plain.endsWith('/'))
    return { expected: EXPECTED, hint: `write it as "${plain}"` };
  const isWhole = isPath(path) && !path.endsWith('/') && Buffer.byteLength(path) <= MAX_BYTES;
  // Paths go into log lines, and into keys that are split at line feeds.
  return isWhole && !/\p{Cc}/u.test(path) ? null : { expected: EXPECTED, hint: null };
}
