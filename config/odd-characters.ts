// Quotes and spaces that a word processor or a web page has put into a configuration: they look right and are not YAML's.
import type { Problem } from './problem.ts';

const QUOTES = /[“”„‟‘’‚‛«»]/u;
/** Not those of ASCII, nor the line separators, which are no space. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]/u;

/** `texts`: by file, '' for the main one. A problem on a line with such a character, or of a text that cannot be read at all and has one, gets the hint that helps. */
export function withOddCharacters(problems: readonly Problem[], texts: ReadonlyMap<string, string>): Problem[] {
  const odd = [...texts].filter(([, text]) => problems.length > 0 && (QUOTES.test(text) || SPACES.test(text)));
  const linesIn = new Map(odd.map(([file, text]) => [file, text.split('\n')]));
  return problems.map((problem) => {
    const lines = linesIn.get(problem.file ?? '');
    if (lines === undefined) return problem;
    const own = problem.line === null ? null : hintFor(lines, problem.line);
    // A syntax error has no path; what is wrong may be on the line above the one where it is noticed.
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
