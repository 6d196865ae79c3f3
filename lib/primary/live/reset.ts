// Cuts all connections to a backend, in draining workers too, and logs how many: on an operator's request, at the end of a drain,
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

/** Workers answer within 1 or 2 ms, on a busy machine within seconds. A worker that is silent for 5 s is hung and gets killed. */
export const ANSWER_MS = 6000;

/** Must not run concurrently: the number of cut connections is the difference of a counter before and after. */
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

/** Cuts at once, and logs the number once the workers have reported it. */
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

/** A worker that has not said hello has no clients and does not listen to messages yet. */
function listening(fleet: ResetParts['fleet']): WorkerProcess[] {
  return fleet.all().filter(({ state, engine }) => engine !== null && state !== 'gone');
}
