// A problem of a configuration, as all commands show it. Free of typebox and yaml, so that showing one costs nothing.

export interface Problem {
  /** 1-based; null if the file itself is the problem or the value is not written in it. */
  readonly line: number | null;
  readonly column: number | null;
  /** `backends[1].port`, or '' for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly hint: string | null;
  /** Absolute; only for an included file. */
  readonly file?: string;
}

/** A position in the configuration. */
export interface Mark {
  readonly line: number;
  readonly column: number;
  /** Counted over all files, in their order. */
  readonly offset: number;
  /** Absolute; only in an included file. */
  readonly file?: string;
}

/** Keys and list indexes from the top of the file down to a value. */
export type Path = readonly (string | number)[];

/** `config.yaml:7:5 backends[1].port: expected integer 1..65535, got "abc"`; `main` is shown as given. */
export function formatProblem(problem: Problem, main: string): string {
  const file = printable(problem.file ?? main);
  const at = problem.line === null ? `${file}:` : `${file}:${problem.line}:${problem.column ?? 1}`;
  const path = problem.path === '' ? '' : ` ${problem.path}:`;
  const hint = problem.hint === null ? '' : `; ${problem.hint}`;
  return `${at}${path} ${problem.message}${hint}`;
}

export function problemAt(mark: Mark | null, path: Path, message: string, hint: string | null = null): Problem {
  const file = mark?.file === undefined ? {} : { file: mark.file };
  return { line: mark?.line ?? null, column: mark?.column ?? null, path: showPath(path), message, hint, ...file };
}

/** `line 7`, with the file if it differs from that of `from`. */
export function lineOf(mark: Mark | null, from: Mark | null): string {
  const line = `line ${mark?.line ?? 0}`;
  if (mark === null || mark.file === from?.file) return line;
  return `${line} of ${mark.file ?? 'the file that includes this one'}`;
}

/** `['backends', 1, 'port']` → `backends[1].port`. */
export function showPath(path: Path): string {
  let shown = '';
  for (const part of path) {
    if (typeof part === 'number') shown += `[${part}]`;
    else if (!/^[\w-]+$/.test(part)) shown += `[${quote(part)}]`;
    else shown += shown === '' ? part : `.${part}`;
  }
  return shown;
}

/** Describes a value found in place of the expected one. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'a map of keys';
}

/** In double quotes, shortened, safe to print. */
export function quote(text: string): string {
  return printable(JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text));
}

/**
 * Escapes control characters and those that are invisible or change the writing direction: the text goes to a terminal and
 * comes from a file that may be somebody else's.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}

/** ` (line 7 of FILE)` if that is another file than that of `from`. */
export function elsewhere(mark: Mark | null, from: Mark | null): string {
  return mark === null || mark.file === from?.file ? '' : ` (${lineOf(mark, from)})`;
}

/** Checks an entry of a verdict's `errors`; a running bal of another version may send something else. */
export function isProblem(error: unknown): error is Problem {
  if (typeof error !== 'object' || error === null) return false;
  return 'message' in error && 'line' in error && 'path' in error && 'hint' in error;
}

/** Sorts by file and position, and drops duplicates (services share top-level values). */
export function inOrder(problems: readonly Problem[]): Problem[] {
  const once = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  const at = (place: number | null) => place ?? Number.MAX_SAFE_INTEGER;
  const byFile = ({ file: a = '' }: Problem, { file: b = '' }: Problem) => Number(a > b) - Number(a < b);
  return [...once.values()].sort((a, b) => byFile(a, b) || at(a.line) - at(b.line) || at(a.column) - at(b.column));
}
