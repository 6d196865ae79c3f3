// Whether the members of a group can come to a socket in a folder, and the home's part in it. Rights by lists (ACLs) are not seen.
import { chmodSync, chownSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { groupId, groupsIn } from '../../config/groups.ts';
import { problemAt, quote, type Problem } from '../../config/problem.ts';
import { quoted } from '../../config/shell.ts';

const GROUP_BITS = 0o070;
const ENTER = 0o010;

/**
 * Lets the group enter the folder, and nothing more: what lies in it has rights of its own. Only where no other group uses it, and
 * where this user may; else all stays.
 */
export function letIn(dir: string, group: number): void {
  try {
    const { uid, gid, mode } = statSync(dir);
    const isOurs = uid === process.geteuid?.() || process.geteuid?.() === 0;
    const isFree = gid === group || (mode & GROUP_BITS) === 0;
    if (mayEnter({ gid, mode }, group) || !isOurs || !isFree) return;
    if (gid !== group) chownSync(dir, uid, group);
    chmodSync(dir, (mode & 0o7777) | ENTER);
  } catch {
    // Who is shut out is told by `shutOut()`.
  }
}

/** Of the machine as it is now; null: there is no such group. */
export function groupNow(name: string): number | null {
  return groupId(name, groupsIn(readGroups()));
}

function readGroups(): string {
  try {
    return readFileSync('/etc/group', 'utf8');
  } catch {
    return '';
  }
}

/** That the group `name` cannot come as far as into `dir`. */
export function groupShutOut(dir: string, name: string | null): Problem[] {
  const group = name === null ? null : groupNow(name);
  const closed = group === null ? null : shutOut(dir, group);
  if (name === null || closed === null) return [];
  const message = `group ${quote(name)} may ask, and cannot enter ${closed}`;
  // The home is bal's own; a folder above it is others', too.
  const mend =
    closed === dir ? `chgrp ${quoted(name)} ${quoted(dir)} && chmod g+x ${quoted(dir)}` : `chmod o+x ${quoted(closed)}`;
  const hint = `${mend}, or set BAL_HOME to a directory in a place that it can enter`;
  return [problemAt(null, ['control_group'], message, hint)];
}

/** The folder that the group cannot enter on its way into `dir`; null: none. */
function shutOut(dir: string, group: number): string | null {
  let found: string | null = null;
  try {
    for (let at = realpathSync(dir); ; at = dirname(at)) {
      if (!mayEnter(statSync(at), group)) found = at;
      if (dirname(at) === at) return found;
    }
  } catch {
    return found;
  }
}

function mayEnter({ gid, mode }: { readonly gid: number; readonly mode: number }, group: number): boolean {
  return (mode & (gid === group ? ENTER : 0o001)) !== 0;
}
