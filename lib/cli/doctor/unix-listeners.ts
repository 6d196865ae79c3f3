// Checks that the Unix sockets are bal's or free. Never connects: that would count as a client.
import { accessSync, constants, lstatSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { cannotBind } from '../../primary/reload/verdict.ts';
import { critical, ok, type Finding } from './finding.ts';

export function ownedPath(name: string, path: string): Finding {
  const listens = isListenedAt(path);
  if (listens === null) return ok(name, `unix:${path}: who listens cannot be told on this system`);
  if (listens && isSocket(path)) return ok(name, `unix:${path} is listened at`);
  const why = listens ? 'somebody has removed or replaced its file' : 'no worker is ready';
  const hint = "restart bal: 'bal stop', then 'bal start -d'";
  return critical(name, `bal runs, but no client gets in at unix:${path}`, why, hint);
}

export function freePath(name: string, path: string, when: string): Finding {
  const code = obstacle(path);
  if (code === null) return ok(name, `unix:${path} is free; ${when}`);
  const { what_happened, why_likely, do_this_now } = cannotBind({ ok: false, address: `unix:${path}`, code });
  return critical(name, what_happened, why_likely, do_this_now);
}

function obstacle(path: string): string | null {
  if (isListenedAt(path) === true && isSocket(path)) return 'EADDRINUSE';
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
    return lstatSync(path).isSocket() ? null : 'EEXIST';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return code === 'ENOENT' && isFolder(dirname(path)) ? null : code;
  }
}

/** Null if the kernel does not tell. */
function isListenedAt(path: string): boolean | null {
  try {
    // Num RefCount Protocol Flags Type St Inode Path; flag 0x10000: listening.
    return readFileSync('/proc/net/unix', 'latin1')
      .split('\n')
      .some((line) => / 00010000 \d{4} \d\d +\d+ (.*)$/.exec(line)?.[1] === Buffer.from(path).toString('latin1'));
  } catch {
    return null;
  }
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}

/** Or a link to one, as /var/run often is. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
