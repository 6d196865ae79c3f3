// The changes of a reload, in order: admin address, listening sockets, backends and limits, workers, control group, and last the
// instance's plan.

import type { Plan } from '../../../config/plan.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import type { AdminListener, AdminMove } from '../listen/admin-listener.ts';
import type { Binding, Listening } from '../listen/listening.ts';
import type { BindFailure } from '../listen/listeners.ts';
import type { Watchers } from '../listen/watchers.ts';
import type { PermitBook } from '../limits/permits.ts';
import type { Log } from '../log/log.ts';
import type { Statistics } from '../stats/statistics.ts';
import type { Services } from '../upstream/services.ts';
import type { Fleet, Generation } from '../workers/fleet.ts';
import type { Change } from './change.ts';
import type { Generations } from './generations.ts';
import type { Numbered } from './rebind.ts';
import { serveAgain, rebind } from './rebind.ts';
import { cannotBind, workersFailed } from './verdict.ts';

export interface ChangeParts {
  readonly log: Log;
  readonly listening: Listening;
  readonly fleet: Pick<Fleet, 'roll' | 'standBy' | 'start' | 'retireAll' | 'all'>;
  readonly services: Pick<Services, 'apply' | 'settled'>;
  readonly permits: Pick<PermitBook, 'setPlan'>;
  readonly statistics: Pick<Statistics, 'refresh'>;
  readonly admin: Pick<AdminListener, 'move'>;
  readonly watchers: Pick<Watchers, 'prepare' | 'commit' | 'abandon' | 'obstacles'>;
  readonly generations: Pick<Generations, 'add'>;
  generationOf(number: number, plan: Plan, binding: Binding): Generation;
}

/** Workers report counters within 1 or 2 ms, later on a busy machine. A hung one must not hold up the reload. */
export const COUNTERS_MS = 1000;

/** Returns the changes that lead to `next`. The last one calls `serve` with the plan that the instance serves from then on. */
export function changesFor(
  from: Numbered,
  next: Plan,
  parts: ChangeParts,
  serve: (next: Numbered) => void,
): readonly Change[] {
  const { log, listening, fleet, services, permits, statistics, admin, watchers, generations } = parts;
  const before = listening.addresses;
  let pages: AdminMove | null = null;
  let binding: Binding | BindFailure | null = null;
  let to: Numbered | null = null;

  /** Binds the new admin address, unless a socket of ours is in the way. */
  const adminOpens: Change = {
    name: 'the move of the admin address',
    async prepare() {
      const move = await admin.move(next, (failure) => listening.isOwnObstacle(failure, next));
      if (!move.ok) return cannotBind(move);
      pages = move;
      return null;
    },
    async rollback() {
      const undone = await pages?.undo();
      if (undone === undefined || undone.ok) return;
      const { address, code } = undone;
      log.error('listener.lost', 'the admin address cannot be bound again', { address, code });
    },
  };

  const listeners: Change = {
    name: 'the binding of listeners',
    async prepare() {
      binding = await listening.bindFor(next);
      if (!binding.ok && pages?.isInTheWayOf(binding) === true) {
        await pages.giveUp();
        binding = await listening.bindFor(next);
      }
      // If a listener that we are closing is in the way, the address is bound when the workers change.
      if (binding.ok || (await listening.isOwnObstacle(binding, next))) return null;
      return cannotBind(binding);
    },
    rollback() {
      listening.keepOnly(before);
      return Promise.resolve();
    },
  };

  const upstream: Change = {
    name: 'the change of backends and limits',
    async prepare() {
      to = { plan: next, number: generations.add(next) };
      services.apply(next);
      permits.setPlan(next);
      // The counters tell where each service's round robin continues.
      await Promise.all([services.settled(), statistics.refresh(fleet.all(), COUNTERS_MS)]);
      return null;
    },
    rollback() {
      services.apply(from.plan);
      permits.setPlan(from.plan);
      return Promise.resolve();
    },
  };

  const workers: Change = {
    name: 'the replacement of workers',
    async commit() {
      if (to === null || binding === null) return null;
      return binding.ok ? roll(to, binding) : rebind(from, to, parts);
    },
    async rollback(progress) {
      if (progress === 'committed') await serveAgain(from, parts);
    },
  };

  /** Binds the new admin address if a socket of ours was in the way, and closes the old one. */
  const adminMoves: Change = {
    name: 'the end of the old admin address',
    async commit() {
      const opened = await pages?.finish();
      return opened === undefined || opened.ok ? null : cannotBind(opened);
    },
  };

  /** No later change may fail. */
  const watched: Change = {
    name: 'the change of control_group',
    prepare: () => watchers.prepare(next),
    commit() {
      watchers.commit();
      return Promise.resolve(null);
    },
    rollback() {
      watchers.abandon();
      return Promise.resolve();
    },
  };

  const plan: Change = {
    name: 'the change of the plan',
    commit() {
      if (to !== null) serve(to);
      return Promise.resolve(null);
    },
  };

  /** Replaces the workers one by one. If that fails, the old ones serve as before. */
  async function roll({ plan: its, number }: Numbered, bound: Binding): Promise<Diagnosis | null> {
    const rolled = await fleet.roll(parts.generationOf(number, its, bound));
    if (!rolled.ok) return workersFailed(rolled.reason);
    listening.keepOnly(bound.listeners.map(({ address }) => address));
    listening.setModes(its);
    return null;
  }

  return [adminOpens, listeners, upstream, workers, adminMoves, watched, plan];
}
