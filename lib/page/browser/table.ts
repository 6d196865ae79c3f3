// A table with caption and scopes, updated row by row. The roles are explicit because the style turns rows into cards on a narrow
// screen, and browsers then no longer treat it as a table.

import type { Column } from '../../view/columns.ts';
import { element, keyed, setText } from './dom.ts';

export interface PageColumn<T> {
  readonly title: string;
  readonly isNumber?: boolean;
  /** The class of the title, if not the default. */
  readonly titleClass?: string;
  /** Called once per cell; returns a function that shows an item in it. */
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

/** Shows a word, with a background colour if the column has tones. The colour adds no information to the word. */
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
