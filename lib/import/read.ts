// Reads the text of a configuration from a path or stdin, within bounds.
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fits, type Part } from '../../config/include/pattern.ts';
import { decode, MAX_BYTES, readConfig } from '../../config/read.ts';

export type Read = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };

/** Never throws, and never blocks. */
export async function readFile(path: string): Promise<Read> {
  const read = await readConfig(path);
  return read.ok ? checked(read.text) : { ok: false, why: whyOf(read.problem) };
}

export async function readStdin(input: AsyncIterable<Uint8Array | string> = process.stdin): Promise<Read> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of input) {
      chunks.push(Buffer.from(chunk));
      length += chunk.length;
      if (length > MAX_BYTES) return { ok: false, why: `too large: at most ${MAX_BYTES} bytes are read` };
    }
  } catch (error) {
    return { ok: false, why: `cannot read: ${error instanceof Error ? error.message : String(error)}` };
  }
  const read = decode(Buffer.concat(chunks));
  return read.ok ? checked(read.text) : { ok: false, why: whyOf(read.problem) };
}

function whyOf({ line, message }: { readonly line: number | null; readonly message: string }): string {
  return line === null ? message : `${message} (line ${line})`;
}

const CONTROL = /[^\P{Cc}\t\n\r\f\v]/u;

function checked(text: string): Read {
  const at = CONTROL.exec(text)?.index;
  if (at === undefined) return { ok: true, text };
  return { ok: false, why: `a control character on line ${text.slice(0, at).split('\n').length}: it is no text` };
}

const MAX_ENTRIES = 10_000;
const MAX_MATCHES = 1000;

export interface Matches {
  readonly paths: readonly string[];
  /** What was not looked at, or null. */
  readonly cut: string | null;
}

/** Expands a pattern with `*`, `?` and `[…]` to paths, in order; null if a folder cannot be read. */
export async function matching(pattern: string): Promise<Matches | null> {
  if (!/[*?[]/.test(pattern)) return { paths: [pattern], cut: null };
  let found = ['/'];
  let cut: string | null = null;
  const parts = resolve(pattern)
    .split('/')
    .filter((part) => part !== '');
  for (const [i, part] of parts.entries()) {
    const isLast = i === parts.length - 1;
    if (!/[*?[]/.test(part)) {
      found = found.map((folder) => join(folder, part));
      continue;
    }
    const shape = shapeOf(part);
    const next: string[] = [];
    for (const folder of found) {
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => null);
      if (entries === null && found.length === 1) return null;
      if ((entries?.length ?? 0) > MAX_ENTRIES)
        cut ??= `only ${MAX_ENTRIES} of the ${entries?.length} entries of ${folder}`;
      const names = (entries ?? []).slice(0, MAX_ENTRIES).filter((entry) => isLast || !entry.isFile());
      next.push(
        ...names
          .map(({ name }) => name)
          .filter(shape)
          .sort()
          .map((name) => join(folder, name)),
      );
    }
    if (next.length > MAX_MATCHES) cut ??= `only ${MAX_MATCHES} of ${next.length} that match ${part}`;
    found = next.slice(0, MAX_MATCHES);
  }
  return { paths: found, cut };
}

function shapeOf(glob: string): (name: string) => boolean {
  const pieces = glob.match(/\*+|\?|\[[^\]]+\]|[\s\S]/g) ?? [];
  try {
    const pattern = pieces.map((piece): Part => (piece.startsWith('*') ? '*' : characterOf(piece)));
    return (name) => fits(pattern, name.split('')) && (!name.startsWith('.') || glob.startsWith('.'));
  } catch {
    return () => false; // a range such as [z-a]
  }
}

/** Judges one character of a name. */
function characterOf(piece: string): Part {
  if (piece === '?') return (character) => character !== '/';
  if (piece.length === 1) return (character) => character === piece;
  const shape = new RegExp(`^[${piece.slice(1, -1).replace(/^[!^]/, '^').replaceAll(/[\\[]/g, '\\$&')}]$`);
  return (character) => shape.test(character);
}
