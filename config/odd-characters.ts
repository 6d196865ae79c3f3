// Finds quotes and spaces that a word processor or web page put into a configuration: they look right but are not YAML's.
import type { Problem } from './problem.ts';

const QUOTES = /[“”„‟‘’‚‛«»]/u;
/** Without ASCII spaces and line separators, which are not spaces. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]/u;

/**
 * Adds a hint to problems on a line with such a character, and to syntax errors if the text has one. `texts`: by file, '' for
 * the main one.
 */
export function withOddCharacters(problems: readonly Problem[], texts: ReadonlyMap<string, string>): Problem[] {
  const odd = [...texts].filter(([, text]) => problems.length > 0 && (QUOTES.test(text) || SPACES.test(text)));
  const linesIn = new Map(odd.map(([file, text]) => [file, text.split('\n')]));
  return problems.map((problem) => {
    const lines = linesIn.get(problem.file ?? '');
    if (lines === undefined) return problem;
    const own = problem.line === null ? null : hintFor(lines, problem.line);
    // A syntax error has no path; its cause may be one line above where it is noticed.
    const hint = own ?? (problem.path === '' && problem.line !== null ? hintFor(lines, problem.line - 1) : null);
    return hint === null ? problem : { ...problem, hint };
  });
}

function hintFor(lines: readonly string[], number: number): string | null {
  const line = lines[number - 1] ?? '';
  const quotes = QUOTES.exec(line)?.[0];
  if (quotes !== undefined) return `line ${number} has a typographic quote (${quotes}): write " or leave it out`;
  const at = line.search(SPACES);
  if (at === -1) return null;
  return `line ${number} has a no-break or other special space in column ${at + 1}: replace it by a plain one`;
}
