// Set by the bundler from package.json; the unbundled modules that tests load read the file itself.
import { readFileSync } from 'node:fs';

declare const BAL_VERSION: string | undefined;

export const version: string = typeof BAL_VERSION === 'string' ? BAL_VERSION : readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const found = /"version":\s*"([^"]+)"/.exec(text);
  return found?.[1] ?? '0.0.0';
}
