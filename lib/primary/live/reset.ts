// Cuts what leads to a backend, in old workers, too, and says how many connections that were.

import type { Log } from '../log/log.ts';
import type { Registry } from '../registry.ts';
import type { Statistics } from '../stats/statistics.ts';
import { serviceSum } from '../stats/totals.ts';
import type { Fleet } from '../workers/fleet.ts';

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
  // Before it has said who it is a worker has no clients, and nobody there who listens.
  const workers = fleet.all().filter(({ state, engine }) => engine !== null && state !== 'gone');
  const count = (): number => serviceSum(statistics.totals, service).clients.ended_operator_total;
  await statistics.refresh(workers, ANSWER_MS);
  const before = count();
  const endpoint = registry.endpoint(service, address);
  for (const worker of workers) worker.send({ kind: 'reset', endpoint });
  await statistics.refresh(workers, ANSWER_MS);
  const cut = count() - before;
  log.warn('backend.reset', `connections to ${address} were cut`, { service, backend: address, cut, why });
  return cut;
}
