// A reload, step by step: validate, bind what is new, check the new backends, replace the workers one at a time, give up
// what is gone, tell what changed. Until the first worker is replaced nothing has changed for anybody.

import { planDifference } from '../../../config/diff.ts';
import { loadConfig } from '../../../config/load.ts';
import type { Plan } from '../../../config/plan.ts';
import type { DrainingStatus, ReloadVerdict, Triplet } from '../../control/protocol.ts';
import type { AdminListener } from '../listen/admin-listener.ts';
import { logWarnings } from '../log/config-warnings.ts';
import type { Generations } from './generations.ts';
import type { Binding, Listening } from '../listen/listening.ts';
import type { Log, RootLog } from '../log/log.ts';
import { drainingStatus, endOldest } from './old-workers.ts';
import type { Services } from '../upstream/services.ts';
import type { SlotBook } from '../limits/slot-book.ts';
import type { Numbered, SwitchParts } from './switch-over.ts';
import { serveAgain, switchOver } from './switch-over.ts';
import type { Tally } from '../stats/tally.ts';
import type { Fleet } from '../workers/fleet.ts';
import { badConfig, cannotBind, internalError, isStopping, workersFailed } from './verdict.ts';

export type Phase = 'starting' | 'running' | 'reloading' | 'draining' | 'stopped';

/** What changes with a reload. Owned by the instance. */
export interface InstanceState {
  phase: Phase;
  plan: Plan;
  generation: number;
  reloads: number;
  /** False after a reload that was refused. */
  lastReload: boolean;
}

export interface ReloadParts extends SwitchParts {
  readonly log: RootLog;
  readonly listening: Listening;
  readonly fleet: Fleet;
  readonly services: Services;
  readonly slots: SlotBook;
  readonly tally: Tally;
  readonly admin: AdminListener;
  readonly generations: Generations;
}

/** Workers tell their counters within a millisecond or two, on a busy machine later; a hung one must not hold up the reload. */
const COUNTERS_MS = 1000;

/** A reload before the old workers are asked what they still have. */
type Outcome = Omit<ReloadVerdict, 'draining'>;

/** Never rejects. */
export async function reload(state: InstanceState, parts: ReloadParts): Promise<ReloadVerdict> {
  const startedAt = performance.now();
  const elapsed = (): number => Math.round(performance.now() - startedAt);
  if (state.phase !== 'running') {
    return { ...refusal(state, isStopping, [], elapsed()), draining: drainingStatus(parts) };
  }
  state.phase = 'reloading';
  let outcome: Outcome;
  try {
    outcome = await attempt(state, parts, elapsed);
    await endOldest(parts, parts.log.for('fleet'));
    await parts.tally.refresh(parts.fleet.all(), COUNTERS_MS);
  } catch (error) {
    outcome = refusal(state, internalError(error), [], elapsed());
  }
  const draining = drainingStatus(parts);
  state.lastReload = outcome.ok;
  // A stop may have come in the meantime.
  if (state.phase === 'reloading') state.phase = 'running';
  tellOutcome(parts.log, outcome, draining);
  return { ...outcome, draining };
}

function tellOutcome(log: Log, outcome: Outcome, draining: DrainingStatus): void {
  const { ok, problem, errors, generation, changed, duration_ms } = outcome;
  if (!ok) return log.error('config.rejected', 'reload refused, nothing has changed', { ...problem, errors });
  log.info('config.reloaded', `generation ${generation} serves`, {
    generation,
    changed,
    duration_ms,
    draining_connections: draining.connections,
    draining_workers: draining.workers,
    draining_until: draining.until,
  });
}

async function attempt(state: InstanceState, parts: ReloadParts, elapsed: () => number): Promise<Outcome> {
  const { listening, services, slots, fleet, tally, admin, generations, log } = parts;
  const previous = state.plan;
  const loaded = await loadConfig(previous.configPath);
  const next = loaded.plan;
  if (next === null) {
    return refusal(state, badConfig(previous.configPath, loaded.errors.length), loaded.errors, elapsed());
  }
  const before = listening.addresses;
  const pages = await admin.move(next, (failure) => listening.isOwnObstacle(failure, next));
  if (!pages.ok) return refusal(state, cannotBind(pages), [], elapsed());
  const back = async (problem: Triplet): Promise<Outcome> => {
    services.apply(previous);
    slots.setPlan(previous);
    listening.keepOnly(before);
    const undone = await pages.undo();
    if (!undone.ok) {
      const { address, code } = undone;
      log.error('listener.lost', 'the admin address cannot be bound again', { address, code });
    }
    return refusal(state, problem, [], elapsed());
  };
  let binding = await listening.bindFor(next);
  if (!binding.ok && pages.isInTheWayOf(binding)) {
    await pages.giveUp();
    binding = await listening.bindFor(next);
  }
  if (!binding.ok && !(await listening.isOwnObstacle(binding, next))) return back(cannotBind(binding));
  const number = generations.add(next);
  services.apply(next);
  slots.setPlan(next);
  // Where the round of each service goes on is read from the counters.
  await Promise.all([services.settled(), tally.refresh(fleet.all(), COUNTERS_MS)]);
  const [from, to] = [
    { plan: previous, number: state.generation },
    { plan: next, number },
  ];
  const failure = binding.ok ? await roll(to, binding, parts) : await switchOver(from, to, parts);
  if (failure !== null) return back(failure);
  const opened = await pages.finish();
  if (!opened.ok) {
    await serveAgain(from, parts);
    return back(cannotBind(opened));
  }
  state.generation = number;
  state.plan = next;
  state.reloads++;
  log.setLevel(next.logLevel);
  logWarnings(log, loaded.warnings, next.configPath);
  const { changed, unchangeable } = planDifference(previous, next);
  return {
    ok: true,
    generation: number,
    changed,
    unchangeable,
    workers_replaced: next.workers,
    duration_ms: elapsed(),
    problem: null,
    errors: [],
  };
}

/** Worker by worker. Returns why it failed; the old ones then serve as before. */
async function roll({ plan, number }: Numbered, binding: Binding, parts: ReloadParts): Promise<Triplet | null> {
  const rolled = await parts.fleet.roll(parts.generationOf(number, plan, binding));
  if (!rolled.ok) return workersFailed(rolled.reason);
  parts.listening.keepOnly(binding.listeners.map(({ address }) => address));
  return null;
}

function refusal(
  { generation }: InstanceState,
  problem: Triplet,
  errors: ReloadVerdict['errors'],
  duration_ms: number,
): Outcome {
  return { ok: false, generation, changed: [], unchangeable: [], workers_replaced: 0, duration_ms, problem, errors };
}
