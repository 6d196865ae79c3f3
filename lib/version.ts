// Version and commit, set by the bundler from package.json. Unbundled modules, as in tests, read the file themselves.
import { readFileSync } from 'node:fs';

declare const BAL_VERSION: string | undefined;
declare const BAL_COMMIT: string | null | undefined;

export const version: string = typeof BAL_VERSION === 'string' ? BAL_VERSION : readVersion();

/** The commit of the sources, with `-dirty` if they were changed; null if they were not a clone. */
export const commit: string | null = typeof BAL_COMMIT === 'string' ? BAL_COMMIT : null;

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const found = /"version":\s*"([^"]+)"/.exec(text);
  return found?.[1] ?? '0.0.0';
}
