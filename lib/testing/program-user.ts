// As whom programs run that nobody here wrote: some refuse to run as root, so when the test is root they run as somebody
// else.
import { readFileSync } from 'node:fs';

interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** What somebody gets who logs in as this user. */
  readonly shell: string;
}

function users(): User[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid, , , shell = '']) => ({ name, uid: Number(uid), gid: Number(gid), shell }));
}

const isRoot = process.getuid?.() === 0;

function choose(): User | undefined {
  const all = users();
  if (!isRoot) return all.find(({ uid }) => uid === process.getuid?.());
  return all.find(({ name }) => name === 'postgres') ?? all.find(({ name }) => name === 'nobody');
}

/** Undefined where the system does not know the test's own user by name. */
export const programUser = choose();

/** For `spawn`. */
export const asProgramUser: { readonly uid?: number; readonly gid?: number } =
  isRoot && programUser !== undefined ? { uid: programUser.uid, gid: programUser.gid } : {};
