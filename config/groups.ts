// Groups of users, by name or number: what /etc/group says. Those of a directory service are not in it, so a number is taken as
// it stands.
import type { Complaint } from './host.ts';

export type Groups = ReadonlyMap<string, number>;

/** 2^32 - 1 is "leave it as it is" to chown(2). */
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

/** Null: there is no such group. */
export function groupId(group: string, groups: Groups): number | null {
  return /^\d+$/.test(group) ? Number(group) : (groups.get(group) ?? null);
}

/** What is wrong with the name or number of a group, or null. */
export function judgeGroup(text: string): Complaint | null {
  const expected = 'expected the name of a group, or its number';
  if (/^\d+$/.test(text)) return text.length <= 10 && Number(text) <= MAX_ID ? null : { expected, hint: null };
  return /^[^\s:,/\p{Cc}-][^\s:,/\p{Cc}]{0,255}$/u.test(text) ? null : { expected, hint: null };
}
