// The workers, each with its share of the connections.

import type { WorkerStatus } from '../../control/protocol.ts';
import type { Rates } from '../../control/rates.ts';
import { workerKey } from '../../control/rates.ts';
import { bytes } from '../../units.ts';
import type { Model } from '../model.ts';
import { rate } from '../words.ts';
import { byId } from './dom.ts';
import { badge, createTable, type Column } from './table.ts';

interface Row {
  readonly worker: WorkerStatus;
  readonly rates: Rates | undefined;
  /** Of all connections that the present workers took, in per cent. */
  readonly share: number | null;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'Worker', text: ({ worker }) => `${worker.id} (PID ${worker.pid})` },
  {
    title: 'State',
    cell: badge(({ worker: { state } }) => ({ text: state, tone: state === 'ready' ? 'good' : 'odd' })),
  },
  { title: 'Generation', numeric: true, text: ({ worker }) => String(worker.generation) },
  { title: 'Open', numeric: true, text: ({ worker }) => String(worker.active_connections) },
  { title: 'Connections/s', numeric: true, text: ({ rates }) => rate(rates?.connections ?? 0) },
  { title: 'Share', numeric: true, text: ({ share }) => (share === null ? '-' : `${Math.round(share)} %`) },
  { title: 'Connections', numeric: true, text: ({ worker }) => String(worker.connections_total) },
  { title: 'Refused', numeric: true, text: ({ worker }) => String(worker.rejected_total) },
  { title: 'Memory', numeric: true, text: ({ worker }) => bytes(worker.rss_bytes) },
];

export function createWorkers(): (model: Model) => void {
  const { table, update } = createTable('Worker processes', COLUMNS, ({ worker }: Row) =>
    workerKey(worker.id, worker.pid),
  );
  byId('workers').append(table);
  return ({ history }) => {
    if (history === null) return;
    const { workers } = history.status;
    const all = workers.reduce((sum, worker) => sum + worker.connections_total, 0);
    update(
      workers.map((worker) => ({
        worker,
        rates: history.workers.get(workerKey(worker.id, worker.pid)),
        share: all === 0 ? null : (100 * worker.connections_total) / all,
      })),
    );
  };
}
