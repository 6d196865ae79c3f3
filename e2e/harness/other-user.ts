// A user other than root, for tests that run as root.
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { BAL } from '../../lib/testing/root.ts';

export const isRoot = process.getuid?.() === 0;

/** A user without rights: "nobody" on most systems. */
export const NOBODY = { uid: 65_534, gid: 65_534 };

/** Whether all users may enter all folders above the path. */
function isOpen(path: string): boolean {
  const parent = dirname(path);
  return (statSync(path).mode & 0o001) !== 0 && (parent === path || isOpen(parent));
}

/** Why another user cannot run the program; false: it can. */
export const closed = [BAL, process.execPath].every((file) => isOpen(dirname(file)))
  ? false
  : 'the program or node lies in a folder that only its owner may enter';

/** Why a test cannot act as another user; false: it can. */
export const noOtherUser = isRoot ? closed : 'needs root, which alone can become another user';
