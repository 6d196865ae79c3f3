// Finds the files that match a pattern, or returns why it cannot. read.ts reads their contents.
import { opendir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isPattern, matches } from './pattern.ts';

export type Found =
  | { readonly ok: true; readonly files: readonly string[] }
  | { readonly ok: false; readonly message: string; readonly hint: string | null };

/** Limits the directory entries that are examined. */
const MAX_ENTRIES = 65_536;

/** Returns files sorted by name, or none if the directory does not exist. More than `most` files are an error. */
export async function findFiles(pattern: string, most: number): Promise<Found> {
  if (!isPattern(pattern)) return { ok: true, files: [pattern] };
  const dir = dirname(pattern);
  const names: string[] = [];
  let seen = 0;
  try {
    for await (const { name } of await opendir(dir)) {
      if (++seen > MAX_ENTRIES) return failed(`${dir} has more than ${MAX_ENTRIES} entries`, OWN_DIRECTORY);
      if (matches(pattern, name)) names.push(name);
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT') return { ok: true, files: [] };
    return failed(...why(code, dir));
  }
  if (names.length > most) {
    return failed(`expected at most ${most} files, as many as services, got ${names.length}`, OWN_DIRECTORY);
  }
  return { ok: true, files: names.sort().map((name) => join(dir, name)) };
}

const OWN_DIRECTORY = 'keep configurations in a directory of their own';

function why(code: string, dir: string): [string, string | null] {
  switch (code) {
    case 'ENOTDIR':
      return [`${dir} is no directory`, 'a pattern names files in a directory'];
    case 'EACCES':
    case 'EPERM':
      return [`cannot read the directory ${dir}: permission denied`, 'let the user that runs bal read it'];
    case 'ELOOP':
      return [`cannot read the directory ${dir}: symbolic links that lead back to themselves`, null];
    default:
      return [`cannot read the directory ${dir}: ${code}`, null];
  }
}

function failed(message: string, hint: string | null): Found {
  return { ok: false, message, hint };
}
