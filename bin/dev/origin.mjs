// Which commit is built, and when it was made: nothing else that tells one build from another gets into what is shipped.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** What git answers; null where this is no clone of bal, but for instance a copy in another project's repository. */
function git(...args) {
  if (!existsSync(join(root, '.git'))) return null;
  try {
    return execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return null;
  }
}

/** With `-dirty` behind it when files differ from it; null where nobody knows. BAL_COMMIT says it for sources without git. */
export function commit() {
  return process.env.BAL_COMMIT || git('describe', '--always', '--dirty', '--abbrev=40', '--exclude=*');
}

/** The time that all shipped files get: that of the last commit, in seconds. */
export function madeAt() {
  return process.env.SOURCE_DATE_EPOCH || git('log', '-1', '--format=%ct') || '946684800';
}
