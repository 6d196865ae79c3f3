// The permit pools of a worker's services, each with the clients held for it.

import { performance } from 'node:perf_hooks';

import type { ServiceAssignment } from '../../ipc/assignment.ts';
import { INSTANCE } from './moving.ts';
import type { Permits, Send } from './permits.ts';
import { openPermits } from './permits.ts';
import type { Waiting } from './waiting.ts';

/** Most clients held for a permit at once: what a long listening queue delivers in one go. */
const MAX_WAITING = 4096;

export interface Pool {
  readonly permits: Permits;
  /** Connections held for this pool, longest wait first. */
  waiting: number[];
}

/** By id, with holes; ids are small. */
export function createPools(
  services: readonly Pick<ServiceAssignment, 'id' | 'pool'>[],
  waiting: Pick<Waiting, 'patience'>,
  send: Send,
): readonly (Pool | undefined)[] {
  const pools: (Pool | undefined)[] = [];
  for (const id of new Set([INSTANCE, ...services.flatMap(({ pool }) => pool ?? [])])) {
    const queues = services.some((it) => (id === INSTANCE || it.pool === id) && waiting.patience(it.id) > 0);
    pools[id] = { permits: openPermits(id, send, performance.now(), MAX_WAITING, queues), waiting: [] };
  }
  return pools;
}
