// Lines into a terminal of a given size: which of them are seen, and how much of each. Pure.

/** The part of `lines` that `room` lines show from `scroll` on; where not all fit, the last line says which these are. */
export function windowOf(lines: readonly string[], room: number, scroll: number): readonly string[] {
  if (lines.length <= room || room < 3) return lines.slice(0, Math.max(0, room));
  const from = Math.min(scroll, lastScroll(lines.length, room));
  const to = from + room - 1;
  return [...lines.slice(from, to), `${from + 1}-${to} of ${lines.length} lines; arrows scroll`];
}

/** How far down `count` lines can be scrolled in `room`. */
export function lastScroll(count: number, room: number): number {
  return count <= room || room < 3 ? 0 : count - (room - 1);
}

/** What terminals show in two columns (East Asian Width W and F, UAX 11, and emoji), and what takes none. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NONE = /^[\p{Mn}\p{Me}\p{Cf}]/u;

/** Cut to the width; colours take none. Other control characters are left out: they would move the cursor. */
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

/** Of one character. */
function columnsOf(character: string): number {
  return NONE.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** How many columns a text without colours takes. */
export function widthOf(text: string): number {
  return Array.from(text).reduce((sum, character) => sum + columnsOf(character), 0);
}

/** What is too long loses its middle, for both ends of an address or a name tell something. */
export function shortened(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const characters = Array.from(text);
  const tail = Math.floor((columns - 1) / 2);
  let end = '';
  while (characters.length > 0 && widthOf((characters.at(-1) ?? '') + end) <= tail)
    end = (characters.pop() ?? '') + end;
  return `${fitted(characters.join(''), Math.max(0, columns - 1 - tail))}…${end}`;
}

/** At spaces, into lines of at most so many columns; each but the first is indented. */
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

/** What is not ASCII of bal's own signs, for a terminal that shows nothing else. */
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
