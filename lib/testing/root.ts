// The project's root as seen from the compiled tests: the nearest folder above with a package.json.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function above(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('Cannot find the project: no package.json above the tests');
  return above(parent);
}

export const ROOT = above(import.meta.dirname);

/** The program under test: the bundle that is shipped, not its modules. */
export const BAL = join(ROOT, 'dist', 'bal.js');
