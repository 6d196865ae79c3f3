// Splits a line of HAProxy's configuration into words, as HAProxy does: blanks separate words, quotes and backslashes protect
// them, and `"${NAME}"` in double quotes is replaced from the environment.

export interface Line {
  readonly words: readonly string[];
  /** Why the line is invalid, or null. */
  readonly fault: string | null;
  /** Names of variables that were filled in, and of those that are not set. */
  readonly filled: readonly string[];
  readonly unset: readonly string[];
  /** The length of what was filled in. */
  readonly added: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Any other backslash stays, as in a pattern. */
const NAMED: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  ' ': ' ',
  '#': '#',
  "'": "'",
  '"': '"',
  '\\': '\\',
};
const VARIABLE = /^\$(?:\{([A-Za-z_.][A-Za-z0-9_.]*)(?:\[\*\])?(?:-([^}]*))?\}|([A-Za-z_.][A-Za-z0-9_.]*))/;
const ESCAPE = /^\\(?:x([0-9a-fA-F]{2})|([\s\S]))/;
const PLAIN = /^[^\s\\'"#$]+/;
const WITHIN_DOUBLE = /^[^\\"$]+/;
/** Per line, as written and filled in from variables. */
const MAX_LENGTH = 65_536;
/** Filled in for all lines of a file together: as much as a file may have. */
export const MAX_FILLED = 1_048_576;
const TOO_MUCH = `its variables hold more than ${MAX_LENGTH} characters, or with the lines before it more than ${MAX_FILLED}`;

/** `left` is what may be filled in for this line and those after it. Variables hold others, so a few lines could become gigabytes. */
export function readLine(text: string, environment: Environment, left = MAX_FILLED): Line {
  const room = Math.min(MAX_LENGTH, left);
  const words: string[] = [];
  const filled: string[] = [];
  const unset: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  const line = text.slice(0, MAX_LENGTH);
  const lastBrace = line.lastIndexOf('}');
  let rest = line;
  let added = 0;
  const take = (count: number, piece: string): void => {
    word = (word ?? '') + piece;
    rest = rest.slice(count);
  };
  const variableHere = (): RegExpExecArray | null => {
    // Without this look, a line full of unclosed `${a-` would be read to its end for each of them.
    const isUnclosed = rest.startsWith('${') && line.length - rest.length > lastBrace;
    return isUnclosed ? null : VARIABLE.exec(rest);
  };
  while (rest !== '') {
    const first = rest.charAt(0);
    const variable = quote === '"' && first === '$' ? variableHere() : null;
    if (quote === "'") {
      const end = rest.indexOf("'");
      if (end === -1) break;
      take(end + 1, rest.slice(0, end));
      quote = null;
    } else if (first === '\\') {
      const [whole = first, hex, other = ''] = ESCAPE.exec(rest) ?? [];
      const isEscape = Object.hasOwn(NAMED, other) || (other === '$' && quote === '"');
      take(
        whole.length,
        hex !== undefined ? String.fromCharCode(Number.parseInt(hex, 16)) : isEscape ? (NAMED[other] ?? other) : whole,
      );
    } else if (first === '"') {
      quote = quote === '"' ? null : '"';
      take(1, '');
    } else if (variable !== null) {
      const [whole, name = '', standIn, bare = name] = variable;
      const value = (Object.hasOwn(environment, bare) ? environment[bare] : undefined) ?? standIn;
      added += value?.length ?? 0;
      if (added > room) break;
      (value === undefined ? unset : filled).push(bare);
      take(whole.length, value ?? '');
    } else if (quote === '"') {
      const [whole = first] = WITHIN_DOUBLE.exec(rest) ?? [];
      take(whole.length, whole);
    } else if (first === "'") {
      quote = "'";
      take(1, '');
    } else if (first === '#') break;
    else if (/\s/.test(first)) {
      if (word !== null) words.push(word);
      word = null;
      rest = rest.trimStart();
    } else {
      const [whole = first] = PLAIN.exec(rest) ?? [];
      take(whole.length, whole);
    }
  }
  if (word !== null) words.push(word);
  return { words, fault: fault(), filled, unset, added: Math.min(added, room) };

  function fault(): string | null {
    if (added > room) return TOO_MUCH;
    if (quote !== null) return 'a quote is not closed';
    return text.length > MAX_LENGTH ? 'the line is too long' : null;
  }
}
