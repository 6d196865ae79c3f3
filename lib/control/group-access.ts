// Whether the members of a group can reach a socket in a directory, and opens bal's home for them. Does not see ACLs.
import { chmodSync, chownSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { groupId, groupsIn } from '../../config/groups.ts';
import { problemAt, quote, type Problem } from '../../config/problem.ts';
import { quoted } from '../../config/shell.ts';

const GROUP_BITS = 0o070;
const ENTER = 0o010;

/**
 * Lets the group enter the directory, and nothing more: what is in it has its own permissions. Only if no other group uses the
 * directory and this user may; otherwise changes nothing.
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
    // groupShutOut() reports a group that cannot enter.
  }
}

/** The group's id on this machine now; null if there is no such group. */
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

/** Reports that the group `name` cannot reach `dir`. */
export function groupShutOut(dir: string, name: string | null): Problem[] {
  const group = name === null ? null : groupNow(name);
  const closed = group === null ? null : shutOut(dir, group);
  if (name === null || closed === null) return [];
  const message = `group ${quote(name)} may ask, and cannot enter ${closed}`;
  // The home is bal's own; directories above it belong to others too.
  const mend =
    closed === dir ? `chgrp ${quoted(name)} ${quoted(dir)} && chmod g+x ${quoted(dir)}` : `chmod o+x ${quoted(closed)}`;
  const hint = `${mend}, or set BAL_HOME to a directory in a place that it can enter`;
  return [problemAt(null, ['control_group'], message, hint)];
}

/** The topmost directory on the way to `dir` that the group cannot enter; null if there is none. */
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
