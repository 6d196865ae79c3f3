// The file of a Unix socket to listen at: made with its mode, gone when it is listened at no longer (libuv removes what it has
// bound). One that a process has left is replaced, one at which somebody listens is not, and nothing else is ever removed.

import { chmodSync, lstatSync, unlinkSync, type Stats } from 'node:fs';
import { connect } from 'node:net';

import type { BoundHandle } from '../../engine/engine.ts';
import { bindPipe } from '../../engine/handles.ts';
import { hangUp } from '../../hang-up.ts';

/** Removes what nobody listens at. Returns the name of an errno where the path is not free then, else null. */
export async function clearPath(path: string): Promise<string | null> {
  const before = look(path);
  if (typeof before === 'string') return before === 'ENOENT' ? null : before;
  if (!before.isSocket()) return 'EEXIST';
  const answer = await tryConnect(path);
  if (answer === 'ENOENT') return null;
  if (answer !== 'ECONNREFUSED') return answer === 'EACCES' ? answer : 'EADDRINUSE';
  // Somebody may have come meanwhile.
  const now = look(path);
  if (typeof now === 'string') return now === 'ENOENT' ? null : now;
  if (now.ino !== before.ino || now.dev !== before.dev) return 'EADDRINUSE';
  return attempt(() => unlinkSync(path));
}

export type BoundPath =
  { readonly ok: true; readonly handle: BoundHandle } | { readonly ok: false; readonly code: string };

/** Binds without listening, so nobody gets in before the mode is set. */
export function bindPath(path: string, mode: number): BoundPath {
  const bound = bindPipe(path);
  if (!bound.ok) return bound;
  const code = setMode(path, mode);
  if (code === null) return bound;
  bound.handle.close();
  return { ok: false, code };
}

/** The file of a Unix socket's address (`unix:/path`) that is listened at no longer; for any other address nothing is done. */
export function removePath(address: string): void {
  const path = address.startsWith('unix:') ? address.slice('unix:'.length) : null;
  if (path === null) return;
  const now = look(path);
  if (typeof now !== 'string' && now.isSocket()) attempt(() => unlinkSync(path));
}

/** Returns the name of an errno, or null. What is no socket is left alone, and what a link leads to. */
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

/** Connects and leaves: `connected`, or why not. */
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
