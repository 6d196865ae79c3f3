// Somebody else than root, to act in a test that root runs.
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { BAL } from '../../lib/testing/root.ts';

export const isRoot = process.getuid?.() === 0;

/** Without any right: "nobody" on most systems. */
export const NOBODY = { uid: 65_534, gid: 65_534 };

/** Whether everybody may enter all folders above the path. */
function isOpen(path: string): boolean {
  const parent = dirname(path);
  return (statSync(path).mode & 0o001) !== 0 && (parent === path || isOpen(parent));
}

/** Why somebody else cannot run the program; false when they can. */
export const closed = [BAL, process.execPath].every((file) => isOpen(dirname(file)))
  ? false
  : 'the program or node lies in a folder that only its owner may enter';

/** Why no other user can act here; false when one can. */
export const noOtherUser = isRoot ? closed : 'needs root, which alone can become another user';
