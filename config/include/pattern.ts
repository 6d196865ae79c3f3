// The value of `include`: paths, and patterns with `*` and `?` in the file name. Free of typebox.
import { basename, dirname, resolve } from 'node:path';
import type { Complaint } from '../host.ts';

const MAX_PATTERNS = 32;
const MAX_LENGTH = 1024;
const EXPECTED = `expected a file or a pattern such as "conf.d/*.yaml", or a list of up to ${MAX_PATTERNS} of them`;

/** Returns why the value of `include` is invalid, or null. */
export function judgeInclude(value: unknown): Complaint | null {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.length > MAX_PATTERNS) return { expected: EXPECTED, hint: null };
  for (const it of list) {
    const hint = typeof it === 'string' ? hintFor(it) : 'each must be a text';
    if (hint !== null) return { expected: EXPECTED, hint };
  }
  const isEachOnce = new Set(list).size === list.length;
  return isEachOnce ? null : { expected: `${EXPECTED}, each once`, hint: null };
}

function hintFor(text: string): string | null {
  if (text === '') return 'an empty text is none';
  if (text.length > MAX_LENGTH) return `write at most ${MAX_LENGTH} characters`;
  if (text.startsWith('~')) return 'write the path out: "~" is the shell\'s';
  if (/[[\]{}]|\*\*/.test(text)) return 'only "*" and "?" stand for other characters';
  if (/[\p{Cc}]/u.test(text)) return 'a path has no control characters';
  if (isPattern(dirname(text))) return '"*" and "?" may stand in the name of a file, not in that of a directory';
  if (/(^|\/)\.{0,2}$/.test(text)) return `name files: "${text.endsWith('/') ? text : `${text}/`}*.yaml"`;
  return null;
}

/** Returns absolute patterns of a valid value. Relative ones are relative to the directory of the including file. */
export function patternsOf(value: unknown, configPath: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((it) => typeof it === 'string').map((it) => resolve(dirname(configPath), it));
}

/** Whether the path is a pattern; otherwise it is one file, which must exist. */
export function isPattern(path: string): boolean {
  return /[*?]/.test(path);
}

/** Matches as a shell does: only a pattern that begins with a dot matches names that do. */
export function matches(pattern: string, name: string): boolean {
  const wanted = basename(pattern);
  if (name.startsWith('.') && !wanted.startsWith('.')) return false;
  const parts = Array.from(wanted, (part): Part => {
    if (part === '*') return part;
    return part === '?' ? () => true : (character) => character === part;
  });
  return fits(parts, Array.from(name));
}

/** `*` is any part of a name; a function judges one character. */
export type Part = '*' | ((character: string) => boolean);

/**
 * Backtracks to the last `*` only, so that matching takes at most the length of the pattern times that of the name; a regular
 * expression could take minutes.
 */
export function fits(pattern: readonly Part[], name: readonly string[]): boolean {
  let [at, from] = [0, 0];
  let [star, mark] = [-1, 0];
  while (from < name.length) {
    const part = pattern[at];
    if (part === '*') {
      star = at++;
      mark = from;
    } else if (part?.(name[from] ?? '') === true) {
      at++;
      from++;
    } else if (star >= 0) {
      at = star + 1;
      from = ++mark;
    } else return false;
  }
  return pattern.slice(at).every((part) => part === '*');
}
