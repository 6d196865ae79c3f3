// Cuts what leads to a backend, in old workers, too, and says how many connections that were: because an operator wants it,
// or because the backend is down.

import type { Log } from '../log/log.ts';
import type { Registry } from '../registry.ts';
import type { Statistics } from '../stats/statistics.ts';
import { backendSum, serviceSum } from '../stats/totals.ts';
import type { Fleet } from '../workers/fleet.ts';
import type { WorkerProcess } from '../workers/worker-process.ts';

export interface ResetParts {
  readonly log: Log;
  readonly registry: Pick<Registry, 'endpoint'>;
  readonly statistics: Pick<Statistics, 'totals' | 'refresh'>;
  readonly fleet: Pick<Fleet, 'all'>;
}

/** Workers answer within a millisecond or two, on a busy machine in seconds; one that is silent for five is hung, and killed. */
export const ANSWER_MS = 6000;

/** One at a time: they are told from each other by when they are counted. */
export async function resetBackend(
  { log, registry, statistics, fleet }: ResetParts,
  service: string,
  address: string,
  why: 'reset' | 'drain_timeout',
): Promise<number> {
  const workers = listening(fleet);
  const count = (): number => serviceSum(statistics.totals, service).clients.ended_operator_total;
  await statistics.refresh(workers, ANSWER_MS);
  const before = count();
  const endpoint = registry.endpoint(service, address);
  for (const worker of workers) worker.send({ kind: 'reset', endpoint, why: 'operator' });
  await statistics.refresh(workers, ANSWER_MS);
  const cut = count() - before;
  log.warn('backend.reset', `connections to ${address} were cut`, { service, backend: address, cut, why });
  return cut;
}

/** At once; how many they were is told when the workers have said it. */
export async function resetDown(
  { log, registry, statistics, fleet }: ResetParts,
  service: string,
  address: string,
): Promise<void> {
  const workers = listening(fleet);
  const count = (): number => backendSum(statistics.totals, service, address).ended_backend_down_total;
  const before = count();
  const endpoint = registry.endpoint(service, address);
  for (const worker of workers) worker.send({ kind: 'reset', endpoint, why: 'backend_down' });
  await statistics.refresh(workers, ANSWER_MS);
  const cut = count() - before;
  if (cut === 0) return;
  log.warn('backend.reset', `connections to ${address} were cut`, { service, backend: address, cut, why: 'down' });
}

/** Before it has said who it is a worker has no clients, and nobody there who listens. */
function listening(fleet: ResetParts['fleet']): WorkerProcess[] {
  return fleet.all().filter(({ state, engine }) => engine !== null && state !== 'gone');
}
