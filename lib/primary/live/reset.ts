// Cuts all connections to a backend, in draining workers and in a predecessor too, and logs how many: on an operator's request, at
// the end of a drain, or because the backend is down.

import type { Log } from '../log/log.ts';
import type { Registry } from '../registry.ts';
import { endpointKey } from '../registry.ts';
import type { Statistics } from '../stats/statistics.ts';
import { backendSum, serviceSum } from '../stats/totals.ts';
import type { Fleet } from '../workers/fleet.ts';
import type { WorkerProcess } from '../workers/worker-process.ts';

export interface ResetParts {
  readonly log: Log;
  readonly registry: Pick<Registry, 'endpoint'>;
  readonly statistics: Pick<Statistics, 'totals' | 'refresh'>;
  readonly fleet: Pick<Fleet, 'all'>;
  /** Cuts those that are left in the predecessor after an upgrade. Resolves when they are counted here. */
  readonly resetBefore?: ((service: string, address: string, why: Why) => Promise<void>) | undefined;
}

/** As in the message to the workers. */
type Why = 'operator' | 'backend_down';

/** Workers answer within 1 or 2 ms, on a busy machine within seconds. A worker that is silent for 5 s is hung and gets killed. */
export const ANSWER_MS = 6000;

/** Must not run concurrently: the number of cut connections is the difference of a counter before and after. */
export async function resetBackend(
  parts: ResetParts,
  service: string,
  address: string,
  why: 'reset' | 'drain_timeout',
): Promise<number> {
  const { log, statistics, fleet } = parts;
  const count = (): number => serviceSum(statistics.totals, service).clients.ended_operator_total;
  await statistics.refresh(listening(fleet), ANSWER_MS);
  const before = count();
  await cutConnections(parts, service, address, 'operator');
  const cut = count() - before;
  log.warn('backend.reset', `connections to ${address} were cut`, { service, backend: address, cut, why });
  return cut;
}

/**
 * Returns a function that cuts at once, and logs the number once the workers have reported it. Its calls may overlap: the backend
 * may be up and down again before a busy worker has answered.
 */
export function createResetDown(parts: ResetParts): (service: string, address: string) => Promise<void> {
  const { log, statistics } = parts;
  /** By endpointKey(), while the backend is being reset: up to where its counter has been logged. */
  const underWay = new Map<string, { calls: number; logged: number }>();
  return async (service, address) => {
    const count = (): number => backendSum(statistics.totals, service, address).ended_backend_down_total;
    const key = endpointKey(service, address);
    const its = underWay.get(key) ?? { calls: 0, logged: count() };
    underWay.set(key, its);
    its.calls++;
    await cutConnections(parts, service, address, 'backend_down');
    its.calls--;
    if (its.calls === 0) underWay.delete(key);
    const cut = count() - its.logged;
    its.logged += cut;
    if (cut === 0) return;
    log.warn('backend.reset', `connections to ${address} were cut`, { service, backend: address, cut, why: 'down' });
  };
}

/** Cuts at once. Resolves when the cut connections are counted. */
export async function cutConnections(parts: ResetParts, service: string, address: string, why: Why): Promise<void> {
  const { registry, statistics, fleet, resetBefore } = parts;
  const workers = listening(fleet);
  const endpoint = registry.endpoint(service, address);
  for (const worker of workers) worker.send({ kind: 'reset', endpoint, why });
  await Promise.all([statistics.refresh(workers, ANSWER_MS), resetBefore?.(service, address, why)]);
}

/** A worker that has not said hello has no clients and does not listen to messages yet. */
function listening(fleet: ResetParts['fleet']): WorkerProcess[] {
  return fleet.all().filter(({ state, engine }) => engine !== null && state !== 'gone');
}
