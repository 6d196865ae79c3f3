// Translates errors of the YAML parser into what an operator should do. One mistake often causes several errors; the first one
// on each line is the helpful one.
import type { YAMLError } from 'yaml';
import { printable, problemAt, type Mark, type Problem } from './problem.ts';

interface Words {
  readonly when: RegExp;
  readonly message: string;
  readonly hint: string;
}

/** Keyed by the parser's message; `$1` is its first group. Other messages are shown as they are. */
const WORDS: readonly Words[] = [
  { when: /^Tabs are not allowed/, message: 'a tab cannot indent', hint: 'use spaces' },
  {
    when: /must start at the same column|^Sequence item without/,
    message: 'wrong indentation',
    hint: 'what belongs together stands in one column',
  },
  { when: /must be sufficiently indented and end with a (.)|must end with a (.)/, message: 'missing "$1$2"', hint: '' },
  { when: /^Missing closing (['"])quote/, message: 'missing closing quote ($1)', hint: 'a text in quotes began above' },
  {
    when: /^Nested mappings are not allowed/,
    message: 'a second ":" on one line',
    hint: 'begin a new line, or put a text that has ": " in it in quotes',
  },
  {
    when: /^A block sequence may not be used/,
    message: 'a list entry among keys',
    hint: 'below a key stand either keys or entries that begin with "- "',
  },
  {
    when: /^Implicit map keys need|^Implicit keys need/,
    message: 'no ":" behind the key',
    hint: 'write "key: value"',
  },
  { when: /^Plain value cannot start with \D*(\W)$/, message: 'a text cannot begin with $1', hint: 'put it in quotes' },
  {
    when: /^Unexpected scalar at node end/,
    message: 'unexpected text behind the value',
    hint: 'put all of it in quotes',
  },
  {
    when: /^Unexpected \S+ token in YAML [a-z]+: "(.*)"$/s,
    message: 'unexpected "$1"',
    hint: 'is a quote, a bracket or a line end missing before it, or one too many?',
  },
  { when: /^Unresolved tag: (.*)/s, message: 'unknown tag $1', hint: 'put a text that begins with "!" in quotes' },
];

const TOO_FAR = 'this line is indented further than the one above, which already has a value';

export function syntaxProblems(
  errors: readonly YAMLError[],
  text: string,
  markOf: (offset: number) => Mark,
): Problem[] {
  const lines = new Map<number | null, Problem>();
  for (const [i, error] of errors.entries()) {
    const [before, after] = [errors[i - 1], errors[i + 1]];
    if (isCompanion(error, before)) continue;
    const problem =
      after !== undefined && isCompanion(after, error)
        ? problemAt(markOf(startOfNextLine(text, error.pos[0])), [], TOO_FAR, 'remove some of the spaces before it')
        : inWords(error, markOf(afterBlanks(text, error.pos[0])));
    if (!lines.has(problem.line)) lines.set(problem.line, problem);
  }
  return [...lines.values()];
}

/** A value with keys indented below it is reported twice: as a nested map, and as a key that spans lines. */
function isCompanion(error: YAMLError, before: YAMLError | undefined): boolean {
  if (error.code !== 'MULTILINE_IMPLICIT_KEY' || before?.pos[0] !== error.pos[0]) return false;
  return before.message.startsWith('Nested mappings');
}

function inWords({ message }: YAMLError, mark: Mark): Problem {
  for (const { when, message: ours, hint } of WORDS) {
    const match = when.exec(message);
    if (match === null) continue;
    const filled = ours.replaceAll(/\$(\d)/g, (_, group: string) => short(match[Number(group)] ?? ''));
    return problemAt(mark, [], printable(filled), hint === '' ? null : hint);
  }
  return problemAt(mark, [], printable(short(message.charAt(0).toLowerCase() + message.slice(1))));
}

/** The parser may quote the rest of the file. */
function short(text: string): string {
  const line = text.split(/\n|\\n/, 1)[0] ?? '';
  return line.length > 80 || line !== text ? `${line.slice(0, 77)}…` : text;
}

/** The parser points at the white space before the culprit. */
function afterBlanks(text: string, offset: number): number {
  return offset + (/^ */.exec(text.slice(offset, offset + 1000))?.[0].length ?? 0);
}

function startOfNextLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end === -1 ? offset : afterBlanks(text, end + 1);
}
