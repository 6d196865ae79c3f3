// What `bal top` shows, as lines. Pure: from a history, the last events and the size of the terminal.

import { listenerText } from '../../control/listeners.ts';
import { addressWithShare } from '../../control/share.ts';
import { addressOf } from '../../../config/plan.ts';
import type { BackendStatus, EventRecord, RecentStatus, ServiceStatus } from '../../control/protocol.ts';
import { failedShare } from '../../control/recent.ts';
import type { Io } from '../command.ts';
import { line as eventLine } from '../events.ts';
import { paint, table, type Cell } from '../report.ts';
import type { History, Rates } from '../../control/rates.ts';
import { backendKey, workerKey } from '../../control/rates.ts';
import { bytes, duration } from '../../units.ts';
import { fitted, lastScroll, windowOf } from './fit.ts';

export const SORTS = ['name', 'active', 'rate', 'traffic', 'state'] as const;
export type Sort = (typeof SORTS)[number];

/** Null: plain output, as long and as wide as it gets. */
type Size = { readonly columns: number; readonly rows: number } | null;

export interface View {
  readonly history: History;
  /** Oldest first. */
  readonly events: readonly EventRecord[];
  readonly sort: Sort;
  readonly size: Size;
  /** How many lines below the head are above what is seen. */
  readonly scroll: number;
}

const BARS = '▁▂▃▄▅▆▇█';
const TREND_SHOWN = 30;
const EVENTS_SHOWN = 10;
const HEAD_LINES = 3;

export function screen(view: View, io: Io): string[] {
  const { history, size, sort, scroll } = view;
  const top = [...head(history, sort, size === null, io), ''];
  const body = below(view, io);
  if (size === null) return [...top, ...body];
  const lines = [...top, ...windowOf(body, size.rows - top.length, scroll)];
  return lines.slice(0, size.rows).map((text) => fitted(text, size.columns));
}

/** How far down this view can be scrolled. */
export function furthest(view: View, io: Io): number {
  return view.size === null ? 0 : lastScroll(below(view, io).length, view.size.rows - HEAD_LINES);
}

/** What is below the head. As many events as there is room for; where there is little, as many as plain output has. */
function below(view: View, io: Io): string[] {
  // One that was started before an update says nothing of them.
  const shared = (view.history.status.listeners ?? []).flatMap((listener) => ['', listenerText(listener)]);
  const lines = [...backends(view, io), ...shared, '', ...workers(view.history, io)];
  const room = view.size === null ? 0 : view.size.rows - HEAD_LINES - lines.length - 1;
  const count = room > 0 ? room : EVENTS_SHOWN;
  const shown = view.events.slice(-count).map((event) => eventLine(event, io));
  return shown.length === 0 ? lines : [...lines, '', ...shown];
}

function head({ status, total }: History, sort: Sort, plain: boolean, io: Io): string[] {
  const { version, state, engine, uptime_ms, generation, totals, max_connections, draining } = status;
  const old = draining?.connections ?? 0;
  const figures = [
    `${totals?.active_connections ?? 0} of ${max_connections ?? '?'} connections`,
    perSecond(total.connections),
    `in ${bytes(total.bytesIn)}/s`,
    `out ${bytes(total.bytesOut)}/s`,
    `${totals?.rejected_total ?? 0} rejected`,
    `${totals?.failed_total ?? 0} failed`,
    ...(old > 0 ? [`${old} in old workers`] : []),
  ];
  const keys = plain ? '' : `   q quit, s sort (${sort})`;
  return [
    `${paint(io, 'bold', `bal ${version}`)} ${state}, engine ${engine ?? '?'}, up ${duration(uptime_ms ?? 0)}, generation ${generation ?? '?'}${keys}`,
    figures.join('   '),
  ];
}

function backends({ history, sort }: View, io: Io): string[] {
  const rows = history.status.services.flatMap((service) => {
    const sorted = [...service.backends].sort((a, b) => order(history, service, sort, a, b));
    return [serviceRow(service), ...sorted.map((backend) => backendRow(history, service, backend))];
  });
  return table(io, 'lllrrrrrrl', [
    ['SERVICE', 'BACKEND', 'STATE', 'ACTIVE', 'CONN/S', 'IN/S', 'OUT/S', 'ERRORS', 'FAILED', 'TREND'],
    ...rows,
  ]);
}

function serviceRow(service: ServiceStatus): Cell[] {
  const { name, bind_address, port, backend_reachable, backend_total, active_connections, protection_mode } = service;
  const up = `${backend_reachable ?? '?'}/${backend_total} up`;
  const colour = backend_reachable === backend_total ? 'green' : backend_reachable === 0 ? 'red' : 'yellow';
  const note = protection_mode.enabled === true ? 'protected' : '';
  return [
    { text: name, paint: 'bold' },
    addressOf(bind_address, port),
    { text: up, paint: colour },
    String(active_connections ?? 0),
    '',
    '',
    '',
    '',
    failed(service.recent),
    { text: note, paint: 'yellow' },
  ];
}

function backendRow(history: History, service: ServiceStatus, backend: BackendStatus): Cell[] {
  const { address, state, active_connections, counters } = backend;
  const key = backendKey(service.name, address);
  const rates = history.backends.get(key);
  const errors = (counters?.refused ?? 0) + (counters?.timeout ?? 0) + (counters?.other ?? 0);
  return [
    '',
    addressWithShare(backend),
    { text: state ?? '?', paint: state === 'up' ? 'green' : state === 'down' ? 'red' : 'yellow' },
    String(active_connections ?? 0),
    shortRate(rates?.connections ?? 0),
    bytes(rates?.bytesIn ?? 0),
    bytes(rates?.bytesOut ?? 0),
    String(errors),
    failed(backend.recent),
    sparkline(history.trend.get(key) ?? []),
  ];
}

/** What share of the last clients or connections failed. */
function failed(recent: RecentStatus | null): Cell {
  const text = failedShare(recent) ?? '';
  return recent?.failing === true ? { text, paint: 'red' } : text;
}

function order(history: History, service: ServiceStatus, sort: Sort, a: BackendStatus, b: BackendStatus): number {
  const rates = (backend: BackendStatus): Rates | undefined =>
    history.backends.get(backendKey(service.name, backend.address));
  switch (sort) {
    case 'name':
      return 0;
    case 'active':
      return (b.active_connections ?? 0) - (a.active_connections ?? 0);
    case 'rate':
      return (rates(b)?.connections ?? 0) - (rates(a)?.connections ?? 0);
    case 'traffic':
      return traffic(rates(b)) - traffic(rates(a));
    case 'state':
      return trouble(b) - trouble(a);
  }
}

/** What wants to be looked at first. */
function trouble({ state }: BackendStatus): number {
  return state === 'down' ? 2 : state === 'up' ? 0 : 1;
}

function traffic(rates: Rates | undefined): number {
  return (rates?.bytesIn ?? 0) + (rates?.bytesOut ?? 0);
}

function workers({ status, workers: rates }: History, io: Io): string[] {
  const all = status.workers.reduce((sum, worker) => sum + worker.connections_total, 0);
  const rows = status.workers.map((worker): Cell[] => [
    String(worker.id),
    String(worker.pid),
    { text: worker.state, paint: worker.state === 'ready' ? 'green' : 'yellow' },
    String(worker.active_connections),
    shortRate(rates.get(workerKey(worker.id, worker.pid))?.connections ?? 0),
    all === 0 ? '-' : `${Math.round((100 * worker.connections_total) / all)} %`,
    bytes(worker.rss_bytes),
  ]);
  return table(io, 'rrlrrrr', [['WORKER', 'PID', 'STATE', 'ACTIVE', 'CONN/S', 'SHARE', 'MEMORY'], ...rows]);
}

/** Scaled to the highest value shown, so that the shape is seen at any rate. */
export function sparkline(values: readonly number[]): string {
  const shown = values.slice(-TREND_SHOWN);
  const highest = Math.max(...shown, 0);
  if (highest === 0) return BARS.charAt(0).repeat(shown.length);
  return shown
    .map((value) => BARS.charAt(Math.min(BARS.length - 1, Math.ceil((value / highest) * (BARS.length - 1)))))
    .join('');
}

function perSecond(rate: number): string {
  return `${shortRate(rate)} connections/s`;
}

function shortRate(rate: number): string {
  return rate >= 100 ? String(Math.round(rate)) : Number(rate.toFixed(1)).toString();
}
