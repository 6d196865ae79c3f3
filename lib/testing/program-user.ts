// The user for third-party programs: some refuse to run as root, so a test that is root runs them as another user.
import { readFileSync } from 'node:fs';

interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** The login shell. */
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

/** Undefined if the system has no name for the test's own user. */
export const programUser = choose();

/** Options for `spawn`. */
export const asProgramUser: { readonly uid?: number; readonly gid?: number } =
  isRoot && programUser !== undefined ? { uid: programUser.uid, gid: programUser.gid } : {};
