// The keys of `bal top`. A terminal sends several bytes for one key, and several keys at once while one is held.

export type Key =
  'quit' | 'help' | 'sort' | 'left' | 'right' | 'up' | 'down' | 'page_up' | 'page_down' | 'start' | 'end';

/** CSI and SS3 sequences of terminals, normal and application mode (xterm, ECMA-48), and the keys of less(1). */
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

/** Returns the keys in a terminal's input, without unassigned ones. */
export function keysIn(data: string): Key[] {
  // eslint-disable-next-line no-control-regex -- that is what these keys begin with
  return [...data.matchAll(/\u001b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])?|[^]/gu)].flatMap(([text]) => MEANING[text] ?? []);
}

/** Splits off an unfinished escape sequence at the end, which the next read may complete. */
export function wholeIn(data: string): { readonly whole: string; readonly begun: string } {
  // eslint-disable-next-line no-control-regex -- that is what these keys begin with
  const at = data.search(/\u001b(?:\[[0-9;]*|O)?$/u);
  return at === -1 ? { whole: data, begun: '' } : { whole: data.slice(0, at), begun: data.slice(at) };
}
