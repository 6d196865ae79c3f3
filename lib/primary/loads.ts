// Live connections per backend as the workers last reported them: what least_connections needs to know about the other
// workers. Owner of each worker's latest counters.

import type { Plan } from '../../config/plan.ts';
import { backendAt } from '../ipc/counters.ts';
import type { WorkerProcess } from './worker-process.ts';

export interface Loads {
  report(worker: WorkerProcess, plan: Plan, values: readonly number[]): void;
  forget(worker: WorkerProcess): void;
  /** Live connections to `address` of service `service`, of all workers but `except`. */
  elsewhere(service: string, address: string, except: WorkerProcess | null): number;
}

export function createLoads(): Loads {
  /** worker → "service address" → live connections. */
  const active = new Map<WorkerProcess, ReadonlyMap<string, number>>();
  return {
    report(worker, plan, values) {
      const counts = new Map<string, number>();
      let backend = 0;
      for (const service of plan.services) {
        for (const { address } of service.backends) {
          counts.set(`${service.name} ${address}`, values[backendAt(plan.services.length, backend, 'active')] ?? 0);
          backend++;
        }
      }
      active.set(worker, counts);
    },
    forget(worker) {
      active.delete(worker);
    },
    elsewhere(service, address, except) {
      let sum = 0;
      for (const [worker, counts] of active) if (worker !== except) sum += counts.get(`${service} ${address}`) ?? 0;
      return sum;
    },
  };
}
