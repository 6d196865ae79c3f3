// Renders a terminal's screen as SVG: selectable, readable aloud, small, and sharp at any size.
import type { Colour, Run } from './ansi.ts';

const INK: Readonly<Record<Colour, string>> = {
  default: '#d6deeb',
  red: '#ff6b6b',
  green: '#7bd88f',
  yellow: '#ffd166',
  blue: '#82aaff',
  magenta: '#c792ea',
  cyan: '#7fdbca',
  grey: '#8a94a6',
};
const PAPER = '#16191f';
const SIZE = 13;
/** Width of a character; each run has an explicit length, so that columns align in any font. */
const WIDTH = 7.8;
const HEIGHT = 18;
const MARGIN = 14;
const FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";

/** A screen reader reads `title` first. */
export function svgOf(lines: readonly (readonly Run[])[], columns: number, title: string): string {
  const width = Math.ceil(columns * WIDTH + 2 * MARGIN);
  const height = lines.length * HEIGHT + 2 * MARGIN;
  const texts = lines.flatMap((runs, row) => {
    let column = 0;
    return runs.flatMap((run) => {
      const at = column;
      const { length } = Array.from(run.text);
      column += length;
      return run.text.trim() === '' ? [] : [textOf(run, at, length, row)];
    });
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" rx="8" fill="${PAPER}"/>
<g font-family="${FONT}" font-size="${SIZE}" fill="${INK.default}">
${texts.join('\n')}
</g>
</svg>
`;
}

function textOf({ text, colour, bold }: Run, column: number, length: number, row: number): string {
  const x = Number((MARGIN + column * WIDTH).toFixed(1));
  const y = MARGIN + row * HEIGHT + SIZE;
  const looks = `${colour === 'default' ? '' : ` fill="${INK[colour]}"`}${bold ? ' font-weight="bold"' : ''}`;
  const size = Number((length * WIDTH).toFixed(1));
  return `<text x="${x}" y="${y}" textLength="${size}" xml:space="preserve"${looks}>${escaped(text)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
