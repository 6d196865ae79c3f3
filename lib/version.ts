// Set by the bundler from package.json; the unbundled modules that tests load read the file itself.
import { readFileSync } from 'node:fs';

declare const BAL_VERSION: string | undefined;
declare const BAL_COMMIT: string | null | undefined;

export const version: string = typeof BAL_VERSION === 'string' ? BAL_VERSION : readVersion();

/** Of the sources that it was built from, with `-dirty` where they were changed; null when they were no clone. */
export const commit: string | null = typeof BAL_COMMIT === 'string' ? BAL_COMMIT : null;

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const found = /"version":\s*"([^"]+)"/.exec(text);
  return found?.[1] ?? '0.0.0';
}
