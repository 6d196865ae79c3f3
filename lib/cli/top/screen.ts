// Renders `bal top` as lines. Pure: from a history, the last events and the size of the terminal.

import { printable } from '../../../config/problem.ts';
import { listenerText, whereOf } from '../../control/listeners.ts';
import type { EventRecord, ServiceStatus } from '../../control/protocol.ts';
import type { History } from '../../control/rates.ts';
import { backendKey } from '../../control/rates.ts';
import { failedShare } from '../../control/recent.ts';
import { bytes } from '../../units.ts';
import { moment } from '../../view/clock.ts';
import {
  BACKEND_COLUMNS,
  backendRow,
  statesSince,
  WORKER_COLUMNS,
  workerRows,
  type Column,
} from '../../view/columns.ts';
import { figuresOf, instanceFacts, instanceName, oddities, rateText } from '../../view/figures.ts';
import { notesOf } from '../../view/notes.ts';
import { instanceShown, serviceShown, worstFirst, type Shown } from '../../view/state.ts';
import type { Io } from '../command.ts';
import { line as eventLine } from '../events.ts';
import { INK, paint, type Cell } from '../report.ts';
import { fitted, inAscii, lastScroll, shortened, widthOf, windowOf } from './fit.ts';
import { grid, type GridCell } from './grid.ts';
import { help } from './help.ts';
import { sorted, type Sort } from './sort.ts';

/** Null: plain output of unlimited size. */
type Size = { readonly columns: number; readonly rows: number } | null;

export interface View {
  readonly history: History;
  /** Oldest first. */
  readonly events: readonly EventRecord[];
  readonly sort: Sort;
  readonly size: Size;
  /** Lines scrolled past, below the head. */
  readonly scroll: number;
  /** Columns shifted past. */
  readonly shift: number;
  readonly isHelp: boolean;
  /** Since when the instance has not answered, in ms of the wall clock; null if it does. */
  readonly lostAt: number | null;
  /** Of the wall clock, in ms. */
  readonly now: number;
  /** Whether the terminal shows more than ASCII. */
  readonly isUnicode: boolean;
}

const BARS = '▁▂▃▄▅▆▇█';
const TREND_SHOWN = 30;
const TREND_LEAST = 10;
const EVENTS_SHOWN = 10;
const HEAD_LINES = 3;

export function screen(view: View, io: Io): string[] {
  const { size, scroll, isUnicode } = view;
  const top = [...head(view, io), ''];
  const lines =
    size === null
      ? [...top, ...below(view, io)]
      : [...top, ...windowOf(below(view, io), size.rows - top.length, scroll)];
  const shown = isUnicode ? lines : lines.map(inAscii);
  return size === null
    ? shown
    : shown.slice(0, size.rows).map((text) => cut(text, size.columns, isUnicode ? '…' : '~'));
}

/** Marks a line that is cut. */
function cut(text: string, columns: number, sign: string): string {
  const whole = fitted(text, Infinity);
  return fitted(text, columns) === whole ? whole : fitted(text, columns - 1) + sign;
}

/** Returns how far this view can be scrolled. */
export function furthest(view: View, io: Io): number {
  return view.size === null ? 0 : lastScroll(below(view, io).length, view.size.rows - HEAD_LINES);
}

/** Renders the part below the head, with as many events as fit; with little room, as many as plain output has. */
function below(view: View, io: Io): string[] {
  const { size, events, history } = view;
  if (view.isHelp && size !== null) return help(size.columns, io);
  // An instance of an older version does not report them.
  const shared = (history.status.listeners ?? []).flatMap((listener) => ['', listenerText(listener)]);
  const odd = oddities(history.status).map((text) => paint(io, 'yellow', text));
  const lines = [...backends(view, io), ...shared, '', ...workers(view, io), ...odd];
  const room = size === null ? 0 : size.rows - HEAD_LINES - lines.length - 1;
  const count = room > 0 ? room : EVENTS_SHOWN;
  const shown = events.slice(-count).map((event) => eventLine(event, io, false));
  return shown.length === 0 ? lines : [...lines, '', ...shown];
}

/** Renders the state, then what fits, most important first. */
function head({ history, sort, size, lostAt, now, isHelp }: View, io: Io): string[] {
  const { status } = history;
  const columns = size?.columns ?? Infinity;
  const state: Shown =
    lostAt === null
      ? instanceShown(status)
      : { text: `no answer since ${moment(lostAt, now)}; these are the last figures`, tone: 'bad' };
  const keys = size === null ? [] : isHelp ? ['? back', 'q quit'] : ['? help', 'q quit', `s sort (${sort})`];
  const own = printable(`bal ${instanceName(status)}`.trim());
  const name = columns === Infinity ? own : shortened(own, Math.max(8, columns - widthOf(state.text) - 11));
  const facts = lostAt === null ? instanceFacts(status) : [];
  const fixed = widthOf(name) + widthOf(state.text) + 2;
  const shownKeys = fitting(keys, columns - fixed - 1, 2);
  const shownFacts = fitting(facts, columns - fixed - 2 - lengthOf(shownKeys, 2), 2);
  const first = [
    `${paint(io, 'bold', name)}  ${paint(io, INK[state.tone], state.text)}`,
    ...(shownFacts.length === 0 ? [] : [shownFacts.join(', ')]),
    ...(shownKeys.length === 0 ? [] : [paint(io, 'cyan', shownKeys.join(', '))]),
  ];
  const figures = figuresOf(history);
  const texts = fitting(
    figures.map(({ name: what, value }) => `${what} ${value}`),
    columns,
    3,
  );
  const second = texts.map((text, i) => {
    const tone = figures[i]?.tone ?? 'good';
    return tone === 'good' ? text : paint(io, INK[tone], text);
  });
  return [first.join('  '), second.join('   ')];
}

/** Returns as many texts as fit, `gap` columns apart. */
function fitting(texts: readonly string[], columns: number, gap: number): readonly string[] {
  let room = columns + gap;
  const end = texts.findIndex((text) => (room -= widthOf(text) + gap) < 0);
  return end === -1 ? texts : texts.slice(0, end);
}

function lengthOf(texts: readonly string[], gap: number): number {
  return texts.reduce((sum, text) => sum + widthOf(text) + gap, 0);
}

function backends(view: View, io: Io): string[] {
  const { history, sort, events, size, shift, now } = view;
  const since = statesSince(events);
  const { services, state } = history.status;
  const inOrder = sort === 'worst' ? worstFirst(services, (service) => serviceShown(service, state)) : services;
  const rows: (readonly GridCell[])[] = [];
  const notes = new Map<number, readonly Shown[]>();
  for (const service of inOrder) {
    rows.push(serviceCells(history, service));
    notes.set(rows.length, notesOf(service));
    for (const backend of sorted(history, service, sort)) {
      const row = backendRow(history, since, service, backend, now);
      const [name, ...cells] = cellsOf(BACKEND_COLUMNS, row);
      rows.push([`  ${textOf(name)}`, ...cells, sparkline(history.trend.get(row.key) ?? [])]);
    }
  }
  const heads = [
    ...BACKEND_COLUMNS.map(({ title, ...rest }, i) => ({
      ...rest,
      title: i === 0 ? 'SERVICE' : title.toUpperCase(),
    })),
    { title: 'TREND', least: TREND_LEAST },
  ];
  const lines = grid(heads, rows, size?.columns ?? null, shift, io);
  return lines.flatMap((line, i) => [
    line,
    ...(notes.get(i) ?? []).map(({ text, tone }) => `  ${paint(io, INK[tone], text)}`),
  ]);
}

/** In the columns of the backends, with a gap where there is no sum. */
function serviceCells(history: History, service: ServiceStatus): readonly GridCell[] {
  const { name, port, backend_reachable, backend_total, active_connections, recent } = service;
  const { text, tone } = serviceShown(service, history.status.state);
  const sum = (of: 'connections' | 'bytesIn' | 'bytesOut'): number =>
    service.backends.reduce(
      (all, { address }) => all + (history.backends.get(backendKey(name, address))?.[of] ?? 0),
      0,
    );
  const failed = failedShare(recent) ?? '-';
  return [
    { text: `${name} ${whereOf(service)}`, paint: 'bold', short: port === 0 ? name : `${name} :${port}` },
    { text: `${text} ${backend_reachable ?? '?'}/${backend_total}`, paint: INK[tone] },
    String(active_connections ?? '-'),
    rateText(sum('connections')),
    recent?.failing === true ? { text: failed, paint: 'red' } : failed,
    '',
    bytes(sum('bytesIn')),
    bytes(sum('bytesOut')),
  ];
}

function workers({ history, size, shift }: View, io: Io): string[] {
  const heads = WORKER_COLUMNS.map(({ title, ...rest }) => ({ ...rest, title: title.toUpperCase() }));
  const rows = workerRows(history).map((row) => cellsOf(WORKER_COLUMNS, row));
  return grid(heads, rows, size?.columns ?? null, shift, io);
}

function cellsOf<T>(columns: readonly Column<T>[], row: T): Cell[] {
  return columns.map(({ of, tone }) => {
    const colour = tone?.(row) ?? null;
    return colour === null ? of(row) : { text: of(row), paint: INK[colour] };
  });
}

function textOf(cell: Cell | undefined): string {
  return cell === undefined ? '' : typeof cell === 'string' ? cell : cell.text;
}

/** Scaled to the highest value shown, so that the shape is visible at any rate. */
export function sparkline(values: readonly number[]): string {
  const shown = values.slice(-TREND_SHOWN);
  const highest = Math.max(...shown, 0);
  if (highest === 0) return BARS.charAt(0).repeat(shown.length);
  return shown
    .map((value) => BARS.charAt(Math.min(BARS.length - 1, Math.ceil((value / highest) * (BARS.length - 1)))))
    .join('');
}
