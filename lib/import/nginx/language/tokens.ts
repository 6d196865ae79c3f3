// Splits nginx's configuration into tokens, as nginx does: blanks separate words, a quote at the start of a word protects it, a
// semicolon ends a directive, braces enclose a block.

export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly line: number }
  | { readonly kind: ';' | '{' | '}'; readonly line: number };

export interface Tokens {
  readonly tokens: readonly Token[];
  /** What is wrong and where; null if nothing. */
  readonly fault: { readonly line: number; readonly message: string } | null;
}

const MAX_TOKENS = 200_000;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', "'": "'", '\\': '\\' };

export function tokensOf(text: string): Tokens {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const first = text.charAt(at);
    if (first === '\n') line++;
    if (/\s/.test(first)) at++;
    else if (first === '#') {
      const end = text.indexOf('\n', at);
      at = end === -1 ? text.length : end;
    } else if (first === ';' || first === '{' || first === '}') {
      tokens.push({ kind: first, line });
      at++;
    } else {
      const word = first === '"' || first === "'" ? quotedWord(text, at) : plainWord(text, at);
      if (word === null) return { tokens, fault: { line, message: 'a quote is not closed' } };
      tokens.push({ kind: 'word', text: word.text, line });
      line += countLines(text.slice(at, word.end));
      at = word.end;
    }
    if (tokens.length > MAX_TOKENS) return { tokens, fault: { line, message: 'it has too many words' } };
  }
  return { tokens, fault: null };
}

interface Word {
  readonly text: string;
  readonly end: number;
}

function quotedWord(text: string, start: number): Word | null {
  const quote = text.charAt(start);
  let end = start + 1;
  while (end < text.length && text.charAt(end) !== quote) end += text.charAt(end) === '\\' ? 2 : 1;
  return end >= text.length ? null : { text: unescaped(text.slice(start + 1, end)), end: end + 1 };
}

/** `${name}` does not begin a block. */
const PLAIN = /(?:\$\{|\\[\s\S]|[^\s;{\\])+/y;

function plainWord(text: string, start: number): Word {
  PLAIN.lastIndex = start;
  const [found = text.charAt(start)] = PLAIN.exec(text) ?? [];
  return { text: unescaped(found), end: start + found.length };
}

function unescaped(text: string): string {
  return text.includes('\\') ? text.replaceAll(/\\([\s\S])/g, (all, it: string) => ESCAPES[it] ?? all) : text;
}

function countLines(text: string): number {
  return text.split('\n').length - 1;
}
