// Groups by name or number, as in /etc/group. Groups of a directory service are not listed there, so any number is accepted as
// is.
import type { Complaint } from './host.ts';

export type Groups = ReadonlyMap<string, number>;

/** chown(2) takes 2^32 - 1 as "leave unchanged". */
const MAX_ID = 4_294_967_294;

/** `adm:x:4:syslog` → adm: 4. */
export function groupsIn(text: string): Groups {
  return new Map(
    text.split('\n').flatMap((line): [string, number][] => {
      const [, name = '', id = ''] = /^([^:#]+):[^:]*:(\d{1,10}):/.exec(line) ?? [];
      return name === '' ? [] : [[name, Number(id)]];
    }),
  );
}

/** Returns null if there is no such group. */
export function groupId(group: string, groups: Groups): number | null {
  return /^\d+$/.test(group) ? Number(group) : (groups.get(group) ?? null);
}

/** Returns why a group name or number is invalid, or null. */
export function judgeGroup(text: string): Complaint | null {
  const expected = 'expected the name of a group, or its number';
  if (/^\d+$/.test(text)) return text.length <= 10 && Number(text) <= MAX_ID ? null : { expected, hint: null };
  return /^[^\s:,/\p{Cc}-][^\s:,/\p{Cc}]{0,255}$/u.test(text) ? null : { expected, hint: null };
}
