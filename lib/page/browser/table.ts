// A table with caption and scopes, kept up to date row by row. The roles are written out because on a narrow screen
// the style turns rows into cards, and browsers then forget that it is a table.

import type { Column } from '../../view/columns.ts';
import { element, keyed, setText } from './dom.ts';

export interface PageColumn<T> {
  readonly title: string;
  readonly isNumber?: boolean;
  /** What its title looks like, where not as usual. */
  readonly titleClass?: string;
  /** What the cell shows; called once, returns how to show an item. */
  readonly cell: (cell: HTMLElement) => (item: T) => void;
}

/** The first column names the row. */
export function createTable<T>(
  caption: string,
  columns: readonly PageColumn<T>[],
  keyOf: (item: T) => string,
): { readonly table: HTMLTableElement; readonly update: (items: readonly T[]) => void } {
  const kind = ({ isNumber }: PageColumn<T>): { class?: string } => (isNumber === true ? { class: 'number' } : {});
  const look = ({ titleClass }: PageColumn<T>): { class?: string } =>
    titleClass === undefined ? {} : { class: titleClass };
  const titles = columns.map((column) =>
    element('th', { scope: 'col', role: 'columnheader', ...kind(column), ...look(column) }, column.title),
  );
  const body = element('tbody', { role: 'rowgroup' });
  const table = element(
    'table',
    { role: 'table' },
    element('caption', { class: 'visually-hidden' }, caption),
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...titles)),
    body,
  );
  const update = keyed<T>(body, keyOf, () => {
    const cells = columns.map((column, i) =>
      i === 0
        ? element('th', { scope: 'row', role: 'rowheader' })
        : element('td', { role: 'cell', 'data-title': column.title, ...kind(column) }),
    );
    const shows = columns.map((column, i) => column.cell(cells[i] ?? body));
    return {
      node: element('tr', { role: 'row' }, ...cells),
      update: (item) => shows.forEach((show) => show(item)),
    };
  });
  return { table, update };
}

/** A word with a colour behind it where it deserves one; the colour says nothing that the word does not. */
export function shownBy<T>({ title, isNumber, of, tone }: Column<T>): PageColumn<T> {
  return {
    title,
    ...(isNumber === true && { isNumber }),
    cell: (cell) => {
      if (tone === undefined) return (item) => setText(cell, of(item));
      const word = element('span');
      cell.append(word);
      return (item) => {
        setText(word, of(item));
        const colour = tone(item);
        const name = colour === null ? '' : `badge ${colour}`;
        if (word.className !== name) word.className = name;
      };
    },
  };
}
