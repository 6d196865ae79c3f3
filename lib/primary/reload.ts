// A reload, step by step: validate, bind what is new, check the new backends, replace the workers one at a time, give up
// what is gone, tell what changed. Until the first worker is replaced nothing has changed for anybody.

import { planDifference } from '../../config/diff.ts';
import { loadConfig } from '../../config/load.ts';
import type { Plan } from '../../config/plan.ts';
import type { ReloadVerdict, Triplet } from '../control/protocol.ts';
import type { AdminListener } from './admin-listener.ts';
import { logWarnings } from './config-warnings.ts';
import type { Generations } from './generations.ts';
import type { Services } from './services.ts';
import type { SlotBook } from './slot-book.ts';
import type { SwitchParts } from './switch-over.ts';
import { switchOver } from './switch-over.ts';
import type { Tally } from './tally.ts';
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
  readonly services: Services;
  readonly slots: SlotBook;
  readonly tally: Tally;
  readonly admin: AdminListener;
  readonly generations: Generations;
}

/** Workers tell their counters within a millisecond or two; a hung one must not hold up the reload. */
const COUNTERS_MS = 250;

/** Never rejects. */
export async function reload(state: InstanceState, parts: ReloadParts): Promise<ReloadVerdict> {
  const startedAt = performance.now();
  const elapsed = (): number => Math.round(performance.now() - startedAt);
  if (state.phase !== 'running') return refusal(state, isStopping, [], elapsed());
  state.phase = 'reloading';
  let verdict: ReloadVerdict;
  try {
    verdict = await attempt(state, parts, elapsed);
  } catch (error) {
    verdict = refusal(state, internalError(error), [], elapsed());
  }
  state.lastReload = verdict.ok;
  // A stop may have come in the meantime.
  if (state.phase === 'reloading') state.phase = 'running';
  const { problem, errors, generation, changed, duration_ms } = verdict;
  if (verdict.ok)
    parts.log.info('config.reloaded', `generation ${generation} serves`, { generation, changed, duration_ms });
  else parts.log.error('config.rejected', 'reload refused, nothing has changed', { ...problem, errors });
  return verdict;
}

async function attempt(state: InstanceState, parts: ReloadParts, elapsed: () => number): Promise<ReloadVerdict> {
  const { listening, services, slots, fleet, tally, admin, generations, log } = parts;
  const previous = state.plan;
  const loaded = await loadConfig(previous.configPath);
  const next = loaded.plan;
  if (next === null) {
    return refusal(state, badConfig(previous.configPath, loaded.errors.length), loaded.errors, elapsed());
  }
  const before = listening.addresses;
  const pages = await admin.prepare(next);
  if (!pages.ok) return refusal(state, cannotBind(pages), [], elapsed());
  const back = async (problem: Triplet): Promise<ReloadVerdict> => {
    await pages.abandon();
    services.apply(previous);
    slots.setPlan(previous);
    listening.keepOnly(before);
    return refusal(state, problem, [], elapsed());
  };
  /** Returns the number of the new generation. */
  const begin = async (): Promise<number> => {
    const added = generations.add(next);
    services.apply(next);
    slots.setPlan(next);
    // Where the round of each service goes on is read from the counters.
    await Promise.all([services.settled(), tally.refresh(fleet.all(), COUNTERS_MS)]);
    return added;
  };
  const binding = await listening.bindFor(next);
  let number: number;
  let replaced: number;
  if (binding.ok) {
    number = await begin();
    const rolled = await fleet.roll(parts.generationOf(number, next, binding));
    if (!rolled.ok) return back(workersFailed(rolled.reason));
    replaced = rolled.replaced;
    listening.keepOnly(binding.addresses);
  } else if (await listening.isOwnObstacle(binding, next)) {
    number = await begin();
    const problem = await switchOver({ plan: previous, number: state.generation }, { plan: next, number }, parts);
    if (problem !== null) return back(problem);
    replaced = next.workers;
  } else {
    await pages.abandon();
    return refusal(state, cannotBind(binding), [], elapsed());
  }
  state.generation = number;
  state.plan = next;
  state.reloads++;
  await pages.commit();
  log.setLevel(next.logLevel);
  logWarnings(log, loaded.warnings, next.configPath);
  const { changed, unchangeable } = planDifference(previous, next);
  return {
    ok: true,
    generation: number,
    changed,
    unchangeable,
    workers_replaced: replaced,
    duration_ms: elapsed(),
    problem: null,
    errors: [],
  };
}

function refusal(
  { generation }: InstanceState,
  problem: Triplet,
  errors: ReloadVerdict['errors'],
  duration_ms: number,
): ReloadVerdict {
  return { ok: false, generation, changed: [], unchangeable: [], workers_replaced: 0, duration_ms, problem, errors };
}
