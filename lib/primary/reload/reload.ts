// A reload: reads and validates the file, carries out a list of changes, and reports the outcome.

import { planDifference } from '../../../config/diff.ts';
import { loadConfig } from '../../../config/load.ts';
import { formatProblem, isProblem } from '../../../config/problem.ts';
import type { Plan } from '../../../config/plan.ts';
import type { DrainingStatus, ReloadVerdict, Diagnosis } from '../../control/protocol.ts';
import type { RefusedReload } from '../../control/watch.ts';
import { counted } from '../../units.ts';
import type { Live } from '../live/live.ts';
import { settledChanges } from '../live/live-changes.ts';
import { effectivePlan } from '../live/overrides.ts';
import { logWarnings } from '../log/config-warnings.ts';
import type { Log, RootLog } from '../log/log.ts';
import type { Phase } from '../phase.ts';
import { nextPhase } from '../phase.ts';
import type { Statistics } from '../stats/statistics.ts';
import type { Discovery } from '../upstream/discovery/discovery.ts';
import type { Fleet } from '../workers/fleet.ts';
import type { Handovers } from '../handovers/handovers.ts';
import { carryOut } from './change.ts';
import type { ChangeParts } from './changes.ts';
import { changesFor, COUNTERS_MS } from './changes.ts';
import { drainingStatus, endOldest } from './old-workers.ts';
import { badConfig, internalError, notNow } from './verdict.ts';

/** The state that a reload changes. Owned by the instance. */
export interface InstanceState {
  phase: Phase;
  /** The plan in use: `basePlan` with the operator's changes. */
  plan: Plan;
  filePlan: Plan;
  /** `filePlan` with its names resolved. */
  basePlan: Plan;
  generation: number;
  reloads: number;
  /** The last reload, if it was refused. */
  refused: RefusedReload | null;
  /** Fingerprint of the content that the last reload has read. */
  read: string;
  /** Counts of the instances that this one has replaced. */
  past: { readonly respawned: number; readonly linesDropped: number };
}

export interface ReloadParts extends ChangeParts {
  readonly log: RootLog;
  readonly fleet: Fleet;
  readonly statistics: Statistics;
  readonly live: Pick<Live, 'settle' | 'adopt'>;
  readonly handovers: Pick<Handovers, 'settled'>;
  readonly discovery: Pick<Discovery, 'follow' | 'asked'>;
  /** The file's plan with its names resolved as of now. */
  discovered(file: Plan): Plan;
}

/** Clients with a connect in progress stay in the old worker until it ends. The reload waits only this long for them. */
const HANDOVER_MS = 2000;

/** The verdict before the old workers have reported their remaining connections. */
type Outcome = Omit<ReloadVerdict, 'draining'>;

/** Reloads the configuration. Never rejects. */
export async function reload(state: InstanceState, parts: ReloadParts): Promise<ReloadVerdict> {
  const startedAt = performance.now();
  const elapsed = (): number => Math.round(performance.now() - startedAt);
  if (state.phase !== 'running') {
    return { ...refusal(state, notNow(state.phase), [], elapsed()), draining: drainingStatus(parts) };
  }
  state.phase = nextPhase(state.phase, 'reload_begins');
  let outcome: Outcome;
  try {
    outcome = await attempt(state, parts, elapsed);
  } catch (error) {
    parts.discovery.follow(state.filePlan);
    outcome = refusal(state, internalError(error), [], elapsed());
  }
  const settledMs = await settleOldWorkers(startedAt, parts);
  // A stop ended it, so nothing is wrong with the configuration.
  const isStopped = outcome.problem !== null && outcome.errors.length === 0 && isStopping(state);
  outcome = { ...outcome, duration_ms: settledMs, ...(isStopped && { problem: notNow(state.phase) }) };
  const draining = drainingStatus(parts);
  const { problem, errors } = outcome;
  if (!isStopped) state.refused = problem === null ? null : { since: new Date().toISOString(), problem, errors };
  state.phase = nextPhase(state.phase, 'reload_ends');
  if (!isStopped) logOutcome(parts.log, outcome, draining, state.filePlan.configPath);
  return { ...outcome, draining };
}

function isStopping({ phase }: InstanceState): boolean {
  return phase === 'draining' || phase === 'stopped';
}

/** Returns how long the reload took, until all connections that can move had moved. An error here does not change its outcome. */
async function settleOldWorkers(startedAt: number, parts: ReloadParts): Promise<number> {
  let settledAt: number | null = null;
  try {
    await parts.handovers.settled(startedAt, HANDOVER_MS);
    settledAt = performance.now();
    await endOldest(parts, parts.log.for('fleet'));
    await parts.statistics.refresh(parts.fleet.all(), COUNTERS_MS);
  } catch (error) {
    parts.log.error('reload.defect', 'the old workers cannot be followed because of a defect', {
      error: String(error),
    });
  }
  return Math.round((settledAt ?? performance.now()) - startedAt);
}

function logOutcome(log: Log, outcome: Outcome, draining: DrainingStatus, configPath: string): void {
  const { ok, problem, errors, generation, changed, duration_ms } = outcome;
  if (!ok) {
    const first = errors.find(isProblem);
    const more = errors.length > 1 ? `, and ${counted(errors.length - 1, 'more error')}` : '';
    const which = first === undefined ? '' : `: ${formatProblem(first, configPath)}${more}`;
    return log.error('config.rejected', `reload rejected, nothing has changed${which}`, { ...problem, errors });
  }
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
  const { log } = parts;
  const { filePlan: previous, basePlan: before } = state;
  const loaded = await loadConfig(previous.configPath);
  state.read = loaded.fingerprint;
  const file = loaded.plan;
  if (file === null) {
    return refusal(state, badConfig(previous.configPath, loaded.errors), loaded.errors, elapsed());
  }
  // Follow the names of both plans until the reload has succeeded.
  parts.discovery.follow(file, previous);
  await parts.discovery.asked();
  const base = parts.discovered(file);
  const settled = parts.live.settle(base);
  const next = effectivePlan(base, settled.kept);
  const changes = changesFor({ plan: state.plan, number: state.generation }, next, parts, ({ plan, number }) => {
    state.generation = number;
    state.plan = plan;
    state.filePlan = file;
    state.basePlan = base;
    state.reloads++;
    log.setLevel(plan.logLevel);
  });
  const problem = await carryOut(changes, (name, error) => {
    log.error('reload.defect', `${name} failed because of a defect`, { error: String(error) });
  });
  if (problem !== null) {
    parts.discovery.follow(previous);
    return refusal(state, problem, [], elapsed());
  }
  parts.discovery.follow(file);
  logWarnings(log, [...loaded.warnings, ...parts.watchers.obstacles()], next.configPath);
  await parts.live.adopt(settled);
  const { changed, unchangeable } = planDifference(previous, file);
  return {
    ok: true,
    generation: state.generation,
    changed,
    unchangeable,
    live_changes: settledChanges(before, base, settled),
    workers_replaced: next.workers,
    duration_ms: elapsed(),
    problem: null,
    errors: [],
  };
}

function refusal(
  { generation }: InstanceState,
  problem: Diagnosis,
  errors: ReloadVerdict['errors'],
  duration_ms: number,
): Outcome {
  return {
    ok: false,
    generation,
    changed: [],
    unchangeable: [],
    live_changes: { kept: [], dropped: [] },
    workers_replaced: 0,
    duration_ms,
    problem,
    errors,
  };
}
