// A table that fits its room: the first two columns always show, of the others as many as fit from `shift` on, and the head
// counts the hidden ones. Pure.

import type { Io } from '../command.ts';
import { paint, type Cell, type Paint } from '../report.ts';
import { shortened, widthOf } from './fit.ts';

export interface Head {
  readonly title: string;
  readonly isNumber?: boolean;
  /** Minimum width of the last column, which then shows its end. */
  readonly least?: number;
}

/** `short` replaces a first cell that is too long. */
export type GridCell = Cell | { readonly text: string; readonly paint: Paint; readonly short: string };

/** The useful minimum of the first column, and its maximum share of the line while columns are hidden. */
const NAME = 18;
const NAME_PART = 0.5;
const GAP = 2;

/** Returns one line for the head and one per row. `columns` null: unlimited width. */
export function grid(
  heads: readonly Head[],
  rows: readonly (readonly GridCell[])[],
  columns: number | null,
  shift: number,
  io: Io,
): string[] {
  const natural = heads.map(({ title }, i) => Math.max(widthOf(title), ...rows.map((row) => widthOf(textOf(row[i])))));
  const { shown, name, last, hidden, isMore } = choose(natural, heads.at(-1)?.least ?? null, columns, shift);
  const end = natural.length - 1;
  const widths = natural.map((width, i) => (i === 0 ? name : i === end ? last : width));
  const line = (cells: readonly GridCell[]): string =>
    shown
      .map((i) => {
        const cell = cells[i] ?? '';
        const text = i === 0 ? fit(cell, name) : i === end ? textOf(cell).slice(-last) : textOf(cell);
        const padding = ' '.repeat(Math.max(0, (widths[i] ?? 0) - widthOf(text)));
        const painted = typeof cell === 'string' ? text : paint(io, cell.paint, text);
        return heads[i]?.isNumber === true ? padding + painted : painted + padding;
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  const mark = `${heads[0]?.title ?? ''} +${hidden} ${shift > 0 ? '←' : ''}${isMore ? '→' : ''}`;
  const titles = heads.map(({ title }, i) => (i === 0 && hidden > 0 ? mark : title));
  return [line(titles), ...rows.map(line)];
}

function fit(cell: GridCell, columns: number): string {
  const text = textOf(cell);
  const isLong = widthOf(text) > columns;
  return shortened(isLong && typeof cell !== 'string' && 'short' in cell ? cell.short : text, columns);
}

/** The maximum shift: where the last column shows. */
export function lastShift(heads: readonly Head[]): number {
  return Math.max(0, heads.length - 3);
}

interface Choice {
  readonly shown: readonly number[];
  /** The widths of the first and the last column. */
  readonly name: number;
  readonly last: number;
  readonly hidden: number;
  /** Some hidden columns are further right. */
  readonly isMore: boolean;
}

function choose(natural: readonly number[], least: number | null, columns: number | null, shift: number): Choice {
  const all = natural.map((_width, i) => i);
  const [name = 0, state = 0] = natural;
  const last = natural.at(-1) ?? 0;
  const spare = (columns ?? Infinity) - natural.reduce((sum, width) => sum + width + GAP, -GAP);
  const narrow = Math.min(last, least ?? last);
  if (spare >= narrow - last) return { shown: all, name, last: Math.min(last, last + spare), hidden: 0, isMore: false };
  const others = all.slice(2 + Math.min(shift, Math.max(0, natural.length - 3)));
  const widthAt = (i: number): number => (i === natural.length - 1 ? narrow : (natural[i] ?? 0));
  const own = Math.max(NAME, (columns ?? 0) - state - widthAt(others[0] ?? 0) - 2 * GAP);
  const width = Math.min(name, own, Math.max(NAME, Math.floor((columns ?? 0) * NAME_PART)));
  let room = (columns ?? 0) - width - state - GAP;
  const seen = [];
  for (const i of others) {
    if (room < GAP + widthAt(i)) break;
    room -= GAP + widthAt(i);
    seen.push(i);
  }
  const spread = Math.min(room, name - width);
  const isLastSeen = seen.at(-1) === natural.length - 1;
  return {
    shown: [0, 1, ...seen],
    name: width + spread,
    last: isLastSeen ? Math.min(last, narrow + room - spread) : last,
    hidden: natural.length - 2 - seen.length,
    isMore: seen.length < others.length,
  };
}

function textOf(cell: GridCell | undefined): string {
  return cell === undefined ? '' : typeof cell === 'string' ? cell : cell.text;
}
