// Requests over the control socket; falls back to the read-only socket of `control_group` if this user may not use it.
import { existsSync } from 'node:fs';
import { request, stream, type Answer } from '../control/client.ts';
import type { Home } from '../paths.ts';

/** Like request() of the control client. */
export function ask(
  at: Home,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Answer> {
  return either(at, (socket) => request(socket, method, path, body, timeoutMs, signal));
}

/** Like stream() of the control client. */
export function askForLines(
  at: Home,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
  silentMs: number,
  onLine: (value: unknown) => void,
  signal?: AbortSignal,
): Promise<Answer> {
  return either(at, (socket) => stream(socket, method, path, body, silentMs, onLine, signal));
}

async function either(at: Home, question: (socket: string) => Promise<Answer>): Promise<Answer> {
  const own = await question(at.socket);
  if (own.ok || own.cause !== 'denied') return own;
  const theirs = await question(at.askSocket);
  if (theirs.ok || (theirs.cause !== 'denied' && theirs.cause !== 'not_running')) return theirs;
  // A socket without a listener was left by a killed bal.
  return theirs.cause === 'not_running' && existsSync(at.askSocket) ? theirs : own;
}
