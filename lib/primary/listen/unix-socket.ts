// The files of listening Unix sockets. Binds them with their mode, and removes them when they are closed (libuv removes what it has
// bound). Replaces a file that a dead process left, never one in use, and removes nothing but sockets.

import { chmodSync, lstatSync, unlinkSync, type Stats } from 'node:fs';
import { connect } from 'node:net';

import type { BoundHandle } from '../../engine/engine.ts';
import { bindPipe } from '../../engine/handles.ts';
import { hangUp } from '../../hang-up.ts';

/** Removes a socket on which nobody listens. Returns null if the path is free then, else the name of an errno. */
export async function clearPath(path: string): Promise<string | null> {
  const before = look(path);
  if (typeof before === 'string') return before === 'ENOENT' ? null : before;
  if (!before.isSocket()) return 'EEXIST';
  const answer = await tryConnect(path);
  if (answer === 'ENOENT') return null;
  if (answer !== 'ECONNREFUSED') return answer === 'EACCES' ? answer : 'EADDRINUSE';
  // Another process may have bound it since.
  const now = look(path);
  if (typeof now === 'string') return now === 'ENOENT' ? null : now;
  if (now.ino !== before.ino || now.dev !== before.dev) return 'EADDRINUSE';
  return attempt(() => unlinkSync(path));
}

export type BoundPath =
  { readonly ok: true; readonly handle: BoundHandle } | { readonly ok: false; readonly code: string };

/** Binds without listening, so that nobody can connect before the mode is set. */
export function bindPath(path: string, mode: number): BoundPath {
  const bound = bindPipe(path);
  if (!bound.ok) return bound;
  const code = setMode(path, mode);
  if (code === null) return bound;
  bound.handle.close();
  return { ok: false, code };
}

/** Removes the file of a closed Unix socket, given its address (`unix:/path`). Ignores other addresses. */
export function removePath(address: string): void {
  const path = address.startsWith('unix:') ? address.slice('unix:'.length) : null;
  if (path === null) return;
  const now = look(path);
  if (typeof now !== 'string' && now.isSocket()) attempt(() => unlinkSync(path));
}

/** Sets the mode of a socket file. Returns the name of an errno, or null. Leaves other files and symbolic links alone. */
export function setMode(path: string, mode: number): string | null {
  const now = look(path);
  if (typeof now === 'string') return now;
  return now.isSocket() ? attempt(() => chmodSync(path, mode)) : 'EEXIST';
}

function look(path: string): Stats | string {
  try {
    return lstatSync(path);
  } catch (error) {
    return codeOf(error);
  }
}

/** Connects and hangs up. Resolves with `connected`, or with the name of the error. */
function tryConnect(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      resolve('connected');
      hangUp(socket);
    });
    socket.on('error', (error) => resolve(codeOf(error)));
  });
}

function attempt(act: () => void): string | null {
  try {
    act();
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
