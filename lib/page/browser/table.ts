// A table with caption and scopes, kept up to date row by row. The roles are written out because on a narrow screen
// the style turns rows into cards, and browsers then forget that it is a table.

import { element, keyed, setText } from './dom.ts';

export interface Column<T> {
  readonly title: string;
  readonly numeric?: boolean;
  /** What the cell shows; called once, returns how to show an item. The default shows `text`. */
  readonly cell?: (cell: HTMLElement) => (item: T) => void;
  readonly text?: (item: T) => string;
}

/** The first column names the row. */
export function createTable<T>(
  caption: string,
  columns: readonly Column<T>[],
  keyOf: (item: T) => string,
): { readonly table: HTMLTableElement; readonly update: (items: readonly T[]) => void } {
  const kind = ({ numeric }: Column<T>): { class?: string } => (numeric === true ? { class: 'number' } : {});
  const titles = columns.map((column) =>
    element('th', { scope: 'col', role: 'columnheader', ...kind(column) }, column.title),
  );
  const body = element('tbody', { role: 'rowgroup' });
  const table = element(
    'table',
    { role: 'table' },
    element('caption', {}, caption),
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...titles)),
    body,
  );
  const update = keyed<T>(body, keyOf, () => {
    const cells = columns.map((column, i) =>
      i === 0
        ? element('th', { scope: 'row', role: 'rowheader' })
        : element('td', { role: 'cell', 'data-title': column.title, ...kind(column) }),
    );
    const shows = columns.map((column, i) => {
      const cell = cells[i] ?? body;
      return column.cell?.(cell) ?? ((item: T) => setText(cell, column.text?.(item) ?? ''));
    });
    return {
      node: element('tr', { role: 'row' }, ...cells),
      update: (item) => shows.forEach((show) => show(item)),
    };
  });
  return { table, update };
}

/** A word with a colour behind it; the colour says nothing that the word does not. */
export function badge<T>(of: (item: T) => { readonly text: string; readonly tone: Tone }): Required<Column<T>>['cell'] {
  return (cell) => {
    const word = element('span');
    cell.append(word);
    return (item) => {
      const { text, tone } = of(item);
      setText(word, text);
      const name = `badge ${tone}`;
      if (word.className !== name) word.className = name;
    };
  };
}

export type Tone = 'good' | 'bad' | 'odd';
