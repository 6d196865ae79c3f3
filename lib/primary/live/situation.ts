// Collects the facts that decide() needs beside the request.

import { thisMachine } from '../../../config/machine.ts';
import type { Plan } from '../../../config/plan.ts';
import { isReachable } from '../upstream/backend.ts';
import type { Services } from '../upstream/services.ts';
import type { Situation } from './decide.ts';
import type { Overrides } from './overrides.ts';

export function situationOf(file: Plan, overrides: Overrides, services: Pick<Services, 'get'>): Situation {
  const leaving = file.services.flatMap(({ name }) =>
    (services.get(name)?.pool.backends ?? [])
      .filter(({ draining }) => draining)
      .map(({ address }) => ({ service: name, address })),
  );
  return {
    file,
    overrides,
    leaving,
    isReachable(service, address) {
      const pool = services.get(service)?.pool;
      const backend = pool?.backends.find((it) => it.address === address);
      return pool !== undefined && backend !== undefined && isReachable(backend, pool.settings);
    },
    machine: thisMachine(),
    now: Date.now(),
  };
}
