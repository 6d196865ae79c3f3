// The columns of backends and workers, shared by `top` and the page. The first two always show; with little room, the last ones
// go first. Pure, and fit for a browser.

import type { BackendStatus, EventRecord, ServiceStatus, WorkerStatus } from '../control/protocol.ts';
import type { History } from '../control/rates.ts';
import { backendKey, workerKey } from '../control/rates.ts';
import { failedShare } from '../control/recent.ts';
import { addressWithShare } from '../control/share.ts';
import { age, bytes } from '../units.ts';
import { rateText } from './figures.ts';
import { backendShown, workerShown, type Shown, type Tone } from './state.ts';

export interface Column<T> {
  readonly title: string;
  readonly isNumber?: boolean;
  readonly of: (row: T) => string;
  /** Colours the text. */
  readonly tone?: (row: T) => Tone | null;
}

export interface BackendRow {
  readonly backend: BackendStatus;
  readonly shown: Shown;
  readonly key: string;
  readonly history: History;
  /** Time since the last transition, in ms; null if the events do not reach back that far. */
  readonly forMs: number | null;
}

export function backendRow(
  history: History,
  since: ReadonlyMap<string, number>,
  service: Pick<ServiceStatus, 'name'>,
  backend: BackendStatus,
  now: number,
): BackendRow {
  const key = backendKey(service.name, backend.address);
  const began = since.get(key);
  const forMs = began === undefined ? null : Math.max(0, now - began);
  return { backend, shown: backendShown(backend), key, history, forMs };
}

const number = { isNumber: true } as const;

export const BACKEND_COLUMNS: readonly Column<BackendRow>[] = [
  { title: 'Backend', of: ({ backend }) => addressWithShare(backend) },
  { title: 'State', of: ({ shown }) => shown.text, tone: ({ shown }) => shown.tone },
  { title: 'Open', ...number, of: ({ backend }) => String(backend.active_connections ?? '-') },
  { title: 'Conn/s', ...number, of: ({ history, key }) => rateText(history.backends.get(key)?.connections ?? 0) },
  {
    title: 'Failed',
    ...number,
    of: ({ backend }) => failedShare(backend.recent) ?? '-',
    tone: ({ backend }) => (backend.recent?.failing === true ? 'bad' : null),
  },
  { title: 'For', ...number, of: ({ forMs }) => (forMs === null ? '-' : age(forMs)) },
  { title: 'In/s', ...number, of: ({ history, key }) => bytes(history.backends.get(key)?.bytesIn ?? 0) },
  { title: 'Out/s', ...number, of: ({ history, key }) => bytes(history.backends.get(key)?.bytesOut ?? 0) },
  { title: 'Total', ...number, of: ({ backend }) => String(backend.connections_total ?? '-') },
  { title: 'Errors', ...number, of: ({ backend }) => String(errorsOf(backend)) },
];

/** `0`, `3: connection refused 2, timeout 1`. */
export function errorsText(backend: Pick<BackendStatus, 'counters'>): string {
  const { refused = 0, timeout = 0, other = 0 } = backend.counters ?? {};
  const causes = Object.entries({ 'connection refused': refused, timeout, other }).filter(([, count]) => count > 0);
  if (causes.length === 0) return '0';
  return `${errorsOf(backend)}: ${causes.map(([cause, count]) => `${cause} ${count}`).join(', ')}`;
}

/** Counts failed checks and connects of a backend since start. */
export function errorsOf({ counters }: Pick<BackendStatus, 'counters'>): number {
  return (counters?.refused ?? 0) + (counters?.timeout ?? 0) + (counters?.other ?? 0);
}

export interface WorkerRow {
  readonly worker: WorkerStatus;
  readonly shown: Shown;
  /** Connections per second. */
  readonly rate: number;
  /** Percentage of all connections that the present workers took. */
  readonly share: number | null;
}

export function workerRows({ status: { workers }, workers: rates }: History): WorkerRow[] {
  const all = workers.reduce((sum, worker) => sum + worker.connections_total, 0);
  return workers.map((worker) => ({
    worker,
    shown: workerShown(worker),
    rate: rates.get(workerKey(worker.id, worker.pid))?.connections ?? 0,
    share: all === 0 ? null : (100 * worker.connections_total) / all,
  }));
}

export const WORKER_COLUMNS: readonly Column<WorkerRow>[] = [
  { title: 'Worker', of: ({ worker }) => `${worker.id} (PID ${worker.pid})` },
  { title: 'State', of: ({ shown }) => shown.text, tone: ({ shown }) => shown.tone },
  { title: 'Open', ...number, of: ({ worker }) => String(worker.active_connections) },
  { title: 'Conn/s', ...number, of: ({ rate }) => rateText(rate) },
  { title: 'Share', ...number, of: ({ share }) => (share === null ? '-' : `${Math.round(share)} %`) },
  { title: 'Memory', ...number, of: ({ worker }) => bytes(worker.rss_bytes) },
  { title: 'Refused', ...number, of: ({ worker }) => String(worker.rejected_total) },
  { title: 'Total', ...number, of: ({ worker }) => String(worker.connections_total) },
  { title: 'Generation', ...number, of: ({ worker }) => String(worker.generation) },
];

/** Returns when each backend entered its state, in ms of the wall clock, by backendKey(). */
export function statesSince(events: readonly EventRecord[]): Map<string, number> {
  const since = new Map<string, number>();
  for (const { event, fields, timestamp } of events) {
    const { service, backend } = fields;
    if ((event !== 'backend.up' && event !== 'backend.down') || typeof service !== 'string') continue;
    if (typeof backend === 'string') since.set(backendKey(service, backend), Date.parse(timestamp));
  }
  return since;
}
