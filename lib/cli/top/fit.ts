// Fits lines into a terminal: which of them show, and how much of each. Pure.

/** Returns the `room` lines visible from `scroll` on; if not all fit, the last line says which they are. */
export function windowOf(lines: readonly string[], room: number, scroll: number): readonly string[] {
  if (lines.length <= room || room < 3) return lines.slice(0, Math.max(0, room));
  const from = Math.min(scroll, lastScroll(lines.length, room));
  const to = from + room - 1;
  return [...lines.slice(from, to), `${from + 1}-${to} of ${lines.length} lines; arrows scroll`];
}

/** Returns how far `count` lines can be scrolled in `room`. */
export function lastScroll(count: number, room: number): number {
  return count <= room || room < 3 ? 0 : count - (room - 1);
}

/** Characters that take two columns (East Asian Width W and F, UAX 11, and emoji), and those that take none. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NONE = /^[\p{Mn}\p{Me}\p{Cf}]/u;

/** Cuts text to the width; colours count as zero. Drops other control characters: they would move the cursor. */
export function fitted(text: string, columns: number): string {
  let width = 0;
  let result = '';
  // eslint-disable-next-line no-control-regex -- that is what a colour begins with
  for (const [part] of text.matchAll(/\u001b\[[0-9;]*m|\P{Cc}/gu)) {
    const isColour = part.startsWith('\u001b');
    if (!isColour) width += columnsOf(part);
    if (isColour || width <= columns) result += part;
  }
  return result;
}

/** Takes one character. */
function columnsOf(character: string): number {
  return NONE.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** Returns the columns of a text without colours. */
export function widthOf(text: string): number {
  return Array.from(text).reduce((sum, character) => sum + columnsOf(character), 0);
}

/** Shortens a text in the middle: both ends of an address or a name carry information. */
export function shortened(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const characters = Array.from(text);
  const tail = Math.floor((columns - 1) / 2);
  let end = '';
  while (characters.length > 0 && widthOf((characters.at(-1) ?? '') + end) <= tail)
    end = (characters.pop() ?? '') + end;
  return `${fitted(characters.join(''), Math.max(0, columns - 1 - tail))}…${end}`;
}

/** Breaks text at spaces into lines of at most `columns`, indenting all but the first. */
export function wrapped(text: string, columns: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line === '' || widthOf(longer) <= columns) line = longer;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line];
}

/** Replacements of bal's non-ASCII signs, for a terminal that shows nothing else. */
const PLAIN: Readonly<Record<string, string>> = {
  '…': '~',
  '→': '>',
  '←': '<',
  '▁': '_',
  '▂': '.',
  '▃': ':',
  '▄': '-',
  '▅': '=',
  '▆': '+',
  '▇': '*',
  '█': '#',
};

export function inAscii(text: string): string {
  return text.replaceAll(/[…→←▁-█]/gu, (sign) => PLAIN[sign] ?? '?');
}
