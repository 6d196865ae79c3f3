// How commands put things: the triplet, tables, and numbers with units.
import { styleText } from 'node:util';
import type { Triplet } from '../control/protocol.ts';
import type { Io } from './command.ts';

export type Paint = Parameters<typeof styleText>[0];

/** What the operator is told when something is wrong, on stderr. */
export function triplet(io: Io, problem: Triplet): void {
  io.err(`  what_happened: ${problem.what_happened}`);
  io.err(`  why_likely: ${problem.why_likely}`);
  io.err(`  do_this_now: ${problem.do_this_now}`);
}

/** One JSON document on one line. */
export function json(io: Io, value: unknown): void {
  io.out(JSON.stringify(value));
}

export function paint(io: Io, format: Paint, text: string): string {
  return io.colour ? styleText(format, text) : text;
}

/** A cell may come with a colour; the width is that of the text. */
export type Cell = string | { readonly text: string; readonly paint: Paint };

/** Rows with aligned columns, two spaces between them. `align` has one letter a column: l or r. */
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

/** `1 worker`, `2 workers`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const SIZES = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `512 B`, `1.5 KiB`, `20 GiB`; a dash when it is not known. */
export function bytes(count: number | null): string {
  if (count === null) return '-';
  let [value, unit] = [count, 'B'];
  for (const size of SIZES) {
    if (value < 1024) break;
    [value, unit] = [value / 1024, size];
  }
  return `${unit === 'B' || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${unit}`;
}

/** `850 ms`, `12 s`, `3 min 20 s`, `5 h 7 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}
