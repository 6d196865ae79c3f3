// Output of commands: the diagnosis, tables, colours.
import { styleText } from 'node:util';
import { printable } from '../../config/problem.ts';
import type { Diagnosis } from '../control/protocol.ts';
import type { Tone } from '../view/state.ts';
import type { Io } from './command.ts';

export type Paint = Parameters<typeof styleText>[0];

/** Prints the diagnosis to stderr. */
export function printDiagnosis(io: Io, problem: Diagnosis): void {
  io.err(`  what_happened: ${oneLine(problem.what_happened)}`);
  io.err(`  why_likely: ${oneLine(problem.why_likely)}`);
  io.err(`  do_this_now: ${oneLine(problem.do_this_now)}`);
}

/** Paths and messages may contain line feeds and worse. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (control) => {
    return control === '\n' ? '\\n' : `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** A line with colours, whose texts come from the running instance: another user's may contain terminal sequences. */
export function printableLine(line: string): string {
  // eslint-disable-next-line no-control-regex -- colours begin with it
  const parts = line.split(/(\u001b\[[0-9;]*m)/u);
  return parts.map((part, i) => (i % 2 === 1 ? part : printable(part))).join('');
}

/** One JSON document on one line. */
export function json(io: Io, value: unknown): void {
  io.out(JSON.stringify(value));
}

export function paint(io: Io, format: Paint, text: string): string {
  return io.colour ? styleText(format, text) : text;
}

/** The colour of each tone on a terminal. */
export const INK = { good: 'green', odd: 'yellow', bad: 'red' } as const satisfies Record<Tone, Paint>;

/** A cell may have a colour; its width is that of the text. */
export type Cell = string | { readonly text: string; readonly paint: Paint };

/** Aligns columns, two spaces apart. `align` has one letter per column: l or r. */
export function table(io: Io, align: string, rows: readonly (readonly Cell[])[]): string[] {
  const widths = Array.from(align, (_letter, column) => Math.max(0, ...rows.map((row) => textOf(row[column]).length)));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const text = textOf(cell);
        const padding = ' '.repeat(Math.max(0, (widths[column] ?? 0) - text.length));
        const shown = typeof cell === 'string' ? text : paint(io, cell.paint, text);
        return align[column] === 'r' ? padding + shown : shown + padding;
      })
      .join('  ')
      .trimEnd(),
  );
}

function textOf(cell: Cell | undefined): string {
  return cell === undefined ? '' : typeof cell === 'string' ? cell : cell.text;
}
