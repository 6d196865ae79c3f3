// The table of workers, each with its share of the connections.

import { workerKey } from '../../control/rates.ts';
import { WORKER_COLUMNS, workerRows, type WorkerRow } from '../../view/columns.ts';
import type { Model } from '../model.ts';
import { byId } from './dom.ts';
import { createTable, shownBy } from './table.ts';

export function createWorkers(): (model: Model) => void {
  const columns = WORKER_COLUMNS.map((column) => shownBy<WorkerRow>(column));
  const { table, update } = createTable('Worker processes', columns, ({ worker }) => workerKey(worker.id, worker.pid));
  byId('workers').append(table);
  return ({ history }) => {
    if (history !== null) update(workerRows(history));
  };
}
