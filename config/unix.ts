// Unix sockets: a path where a host and a port would be. What is written as one is told by its first character, in the file, in
// the plan's `host`, and in what workers and engines are told as an address.
import { isIP } from 'node:net';
import { posix } from 'node:path';
import type { Complaint } from './host.ts';

/** sun_path of Linux has 108 bytes, of which one is the end. */
const MAX_BYTES = 107;
const EXPECTED = `expected an absolute path of at most ${MAX_BYTES} bytes`;

export function isPath(host: string): boolean {
  return host.startsWith('/');
}

/** It is to be connected to as it is; everything else is a name to be resolved. */
export function isLiteral(host: string): boolean {
  return isPath(host) || isIP(host) !== 0;
}

/** `/run/app.sock`, `unix:/run/app.sock` → the path; null: it is no Unix socket's address. */
export function pathIn(address: string): string | null {
  const path = address.startsWith('unix:') ? address.slice('unix:'.length) : address;
  return isPath(path) ? path : null;
}

/** What is wrong with the mode of a socket's file, or null. */
export function judgeMode(text: string): Complaint | null {
  if (/^0?[0-7]{3}$/.test(text)) return null;
  return { expected: 'expected the mode of a file, three octal digits', hint: 'for example "0660"' };
}

/** What is wrong with the path of a Unix socket, or null. */
export function judgeUnix(path: string): Complaint | null {
  if (path.startsWith('unix:')) return { expected: EXPECTED, hint: `leave out "unix:"` };
  if (path.startsWith('~')) return { expected: EXPECTED, hint: '~ is not expanded: write the whole path' };
  // One spelling for each, so that what is the same is seen to be.
  const plain = posix.normalize(path);
  if (isPath(path) && plain !== path && !plain.endsWith('/'))
    return { expected: EXPECTED, hint: `write it as "${plain}"` };
  const isWhole = isPath(path) && !path.endsWith('/') && Buffer.byteLength(path) <= MAX_BYTES;
  // Names go into log lines, and into keys that a line feed parts.
  return isWhole && !/\p{Cc}/u.test(path) ? null : { expected: EXPECTED, hint: null };
}
