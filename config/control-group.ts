// Checks `control_group`: the group exists on this machine, and this user may give files to it.
import type { Draft } from './draft.ts';
import { groupId } from './groups.ts';
import type { Machine } from './machine.ts';
import { problemAt, quote, type Problem } from './problem.ts';
import { closest } from './suggest.ts';

export function groupConflicts({ controlGroup: { value, sound, path, mark } }: Draft, { groups }: Machine): Problem[] {
  if (path === null || !sound || groups === null || groupId(value, groups) !== null) return [];
  const near = closest(value, [...groups.keys()]);
  const hint =
    near === null
      ? "make it (groupadd), or write the number of one that is not in /etc/group, as a directory service's"
      : `did you mean ${quote(near)}?`;
  return [problemAt(mark, path, `this machine has no group ${quote(value)}`, hint)];
}

/** A user may only give files to its own groups; a process has those it was started with. */
export function groupWarnings({ controlGroup: { value, sound, path, mark } }: Draft, machine: Machine): Problem[] {
  const { groups, ownGroups } = machine;
  const id = path === null || !sound || groups === null ? null : groupId(value, groups);
  if (id === null || ownGroups === null || ownGroups.includes(id)) return [];
  const message = `this user is not in group ${quote(value)}, and cannot open a socket for it`;
  const hint = 'start bal as a user who is in it (usermod -aG, SupplementaryGroups= of systemd), or as root';
  return [problemAt(mark, path ?? [], message, hint)];
}
