// What the keys of `bal top` mean. A terminal sends several bytes for one key, and several keys at once when one is held.

export type Key =
  'quit' | 'help' | 'sort' | 'left' | 'right' | 'up' | 'down' | 'page_up' | 'page_down' | 'start' | 'end';

/** CSI and SS3 sequences as terminals send them, normal and application mode (xterm, ECMA-48), and keys as less(1) has them. */
const MEANING: Readonly<Record<string, Key>> = {
  q: 'quit',
  '\u0003': 'quit',
  '\u001b': 'quit',
  s: 'sort',
  '?': 'help',
  h: 'help',
  '\u001b[D': 'left',
  '\u001bOD': 'left',
  '\u001b[C': 'right',
  '\u001bOC': 'right',
  k: 'up',
  '\u001b[A': 'up',
  '\u001bOA': 'up',
  j: 'down',
  '\u001b[B': 'down',
  '\u001bOB': 'down',
  b: 'page_up',
  '\u001b[5~': 'page_up',
  ' ': 'page_down',
  '\u001b[6~': 'page_down',
  g: 'start',
  '\u001b[H': 'start',
  '\u001bOH': 'start',
  '\u001b[1~': 'start',
  G: 'end',
  '\u001b[F': 'end',
  '\u001bOF': 'end',
  '\u001b[4~': 'end',
};

/** The keys in what a terminal sent; those without a meaning are left out. */
export function keysIn(data: string): Key[] {
  // eslint-disable-next-line no-control-regex -- that is what these keys begin with
  return [...data.matchAll(/\u001b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])?|[^]/gu)].flatMap(([text]) => MEANING[text] ?? []);
}

/** What is whole in what a terminal sent, and the begun escape sequence at its end, whose rest may come with the next read. */
export function wholeIn(data: string): { readonly whole: string; readonly begun: string } {
  // eslint-disable-next-line no-control-regex -- that is what these keys begin with
  const at = data.search(/\u001b(?:\[[0-9;]*|O)?$/u);
  return at === -1 ? { whole: data, begun: '' } : { whole: data.slice(0, at), begun: data.slice(at) };
}
