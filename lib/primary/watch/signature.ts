// Detects whether files were touched, without reading them: compares the stat of each. A link swap, a rename, a write in place, and
// one that restores the old time all change inode, size or ctime.

import type { BigIntStats } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findFiles } from '../../../config/include/find.ts';

export interface Signature {
  /** Equal if nothing has changed. */
  readonly text: string;
  /** A file is missing or empty, perhaps because it is just being replaced. */
  readonly isOdd: boolean;
  /** The directories that see an event when one of the files is touched. */
  readonly folders: readonly string[];
}

/** The paths from which a configuration was last read; absolute. */
export interface Sources {
  readonly configPath: string;
  readonly patterns: readonly string[];
  readonly included: readonly string[];
}

/** The limit on services, and so on files per pattern. */
const MAX_FILES = 64;

/** Takes the signature. Never rejects. */
export async function signatureOf({ configPath, patterns, included }: Sources): Promise<Signature> {
  const found = await Promise.all(patterns.map((pattern) => findFiles(pattern, MAX_FILES)));
  // Look for files that have disappeared too.
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

/** The directories in which a symbolic link of the path can be swapped, as in `releases/current/`. */
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
