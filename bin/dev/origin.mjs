// The commit that is built, and its time. Nothing else in the shipped files distinguishes two builds.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Returns git's output; null if this is not a clone of bal, but for instance a copy in another project's repository. */
function git(...args) {
  if (!existsSync(join(root, '.git'))) return null;
  try {
    return execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return null;
  }
}

/** The commit, with `-dirty` if files differ from it; null if unknown. BAL_COMMIT sets it for sources without git. */
export function commit() {
  return process.env.BAL_COMMIT || git('describe', '--always', '--dirty', '--abbrev=40', '--exclude=*');
}

/** The time for all shipped files: that of the last commit, in seconds. */
export function madeAt() {
  return process.env.SOURCE_DATE_EPOCH || git('log', '-1', '--format=%ct') || '946684800';
}
