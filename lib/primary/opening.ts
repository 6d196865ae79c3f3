// Starts an instance: in one step, or in two when it replaces another one, which serves and keeps the admin address until
// the workers of this one stand by.

import type { Plan } from '../../config/plan.ts';
import type { Diagnosis } from '../control/protocol.ts';
import type { AdminListener } from './listen/admin-listener.ts';
import type { Binding, Listening } from './listen/listening.ts';
import type { PermitBook } from './limits/permits.ts';
import type { Log } from './log/log.ts';
import { cannotBind, workersFailed } from './reload/verdict.ts';
import type { Services } from './upstream/services.ts';
import type { Fleet, Generation } from './workers/fleet.ts';
import type { WorkerProcess } from './workers/worker-process.ts';

export interface Opening {
  /**
   * Does what is possible while another process serves: binds sockets, has workers stand by, checks backends. `known` is what
   * that process knows of the backends. Returns the problem, or null.
   */
  prepare(plan: Plan, known: unknown): Promise<Diagnosis | null>;
  /** Begins to serve clients. Returns the problem, or null. */
  open(plan: Plan): Promise<Diagnosis | null>;
}

export interface OpeningParts {
  readonly log: Log;
  readonly listening: Pick<Listening, 'bindFor' | 'unused'>;
  readonly admin: Pick<AdminListener, 'move'>;
  readonly permits: Pick<PermitBook, 'setPlan'>;
  readonly services: Pick<Services, 'apply' | 'settled'>;
  readonly fleet: Pick<Fleet, 'standBy' | 'start' | 'all'>;
  readonly state: { readonly generation: number };
  readonly generationOf: (number: number, plan: Plan, binding: Binding) => Generation;
}

/** For backends whose state the predecessor did not know. */
const FIRST_CHECKS_MS = 2000;

export function createOpening(parts: OpeningParts): Opening {
  const { log, listening, admin, permits, services, fleet, generationOf } = parts;
  let prepared: { readonly generation: Generation; readonly standing: readonly WorkerProcess[] } | null = null;

  async function begin(plan: Plan, known?: unknown): Promise<Generation | Diagnosis> {
    const binding = await listening.bindFor(plan);
    if (!binding.ok) return cannotBind(binding);
    permits.setPlan(plan);
    services.apply(plan, known);
    return generationOf(parts.state.generation, plan, binding);
  }

  function logUnused(): void {
    const addresses = listening.unused.join(' ');
    const message = 'sockets that the service manager passes are no listeners of the configuration; they are kept';
    if (addresses !== '') log.warn('listener.unused', message, { addresses });
  }

  return {
    async prepare(plan, known) {
      const generation = await begin(plan, known);
      if ('what_happened' in generation) return generation;
      const result = await fleet.standBy(generation);
      if (!result.ok) return workersFailed(result.reason);
      await services.settled(FIRST_CHECKS_MS);
      prepared = { generation, standing: result.workers };
      return null;
    },
    async open(plan) {
      const generation = prepared?.generation ?? (await begin(plan));
      if ('what_happened' in generation) return generation;
      const pages = await admin.move(plan, () => Promise.resolve(false));
      if (!pages.ok) return cannotBind(pages);
      await pages.finish();
      const result = await fleet.start(generation, prepared?.standing);
      if (!result.ok) return workersFailed(result.reason);
      prepared = null;
      logUnused();
      const { engine = null, engineNote = null } = fleet.all()[0] ?? {};
      log.info('engine.chosen', `engine ${engine ?? ''}`, { engine, configured: plan.engine, why: engineNote });
      return null;
    },
  };
}
