// Whether files have been touched, without reading them: what stat says of each. A link swap, a rename, a write in place, and one
// that sets the old time again all show, by inode, size or the time of the inode's change.

import type { BigIntStats } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findFiles } from '../../../config/include/find.ts';

export interface Signature {
  /** Two looks with the same one saw the same. */
  readonly text: string;
  /** A file is missing or empty, as one is that is just being replaced. */
  readonly isOdd: boolean;
  /** Those in which something happens when one of the files is touched. */
  readonly folders: readonly string[];
}

/** What a configuration was last read from; absolute. */
export interface Sources {
  readonly configPath: string;
  readonly patterns: readonly string[];
  readonly included: readonly string[];
}

/** As many files of a pattern as can be services. */
const MAX_FILES = 64;

/** Never rejects. */
export async function signatureOf({ configPath, patterns, included }: Sources): Promise<Signature> {
  const found = await Promise.all(patterns.map((pattern) => findFiles(pattern, MAX_FILES)));
  // What was there and is gone is looked for, too.
  const files = new Set([configPath, ...included, ...found.flatMap((it) => (it.ok ? it.files : []))]);
  const faults = found.flatMap((it) => (it.ok ? [] : [it.message]));
  const named = new Set([...files, ...patterns].map((file) => dirname(file)));
  const folders = new Set([...named, ...(await Promise.all([...named].map(foldersOfLinks))).flat()]);
  const parts = await Promise.all(
    [...files].map(async (file) => {
      const its = await statOf(file);
      const real = await realpath(file).catch(() => file);
      folders.add(dirname(real));
      return {
        text: typeof its === 'string' ? its : textOf(its),
        file,
        isOdd: typeof its === 'string' || its.size === 0n,
      };
    }),
  );
  return {
    text: JSON.stringify([parts.map(({ file, text }) => [file, text]), faults]),
    isOdd: parts.some(({ isOdd }) => isOdd),
    folders: [...folders],
  };
}

/** Those in which a link of the path can be swapped: `releases/current/`. */
async function foldersOfLinks(path: string): Promise<string[]> {
  if ((await realpath(path).catch(() => path)) === path) return [];
  const found: string[] = [];
  for (let at = path; dirname(at) !== at; at = dirname(at)) {
    const its = await lstat(at).catch(() => null);
    if (its?.isSymbolicLink() === true) found.push(dirname(at));
  }
  return found;
}

async function statOf(path: string): Promise<BigIntStats | string> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

function textOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
