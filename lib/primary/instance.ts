// A running balancer inside the primary. Owns plan, generation and phase, and wires up services, listeners, fleet, permit
// book and totals. What belongs to the process (PID file, signals, control socket) is the supervisor's.

import { thisMachine } from '../../config/machine.ts';
import type { Plan } from '../../config/plan.ts';
import type { BackendRequest, BackendVerdict } from '../control/backends.ts';
import type { ReloadVerdict, StopProgress, StopRequest, Diagnosis } from '../control/protocol.ts';
import { deferred } from '../deferred.ts';
import type { AdminListener } from './listen/admin-listener.ts';
import { createEvenness } from './evenness/evenness.ts';
import { createFleet } from './workers/fleet.ts';
import { createHandovers } from './handovers/handovers.ts';
import { createGenerations } from './reload/generations.ts';
import { createListening } from './listen/listening.ts';
import type { Front } from './front.ts';
import { generationsOf } from './generation.ts';
import { createLive } from './live/live.ts';
import { createResetDown, cutConnections } from './live/reset.ts';
import { effectivePlan, settle } from './live/overrides.ts';
import type { Kept } from './live/store.ts';
import { nextPhase } from './phase.ts';
import { createRoute } from './route.ts';
import type { RootLog } from './log/log.ts';
import type { InstanceState } from './reload/reload.ts';
import { contentsOf } from './reload/contents.ts';
import { reload } from './reload/reload.ts';
import { createServices } from './upstream/services.ts';
import { createPermitBook } from './limits/permits.ts';
import { createStatistics } from './stats/statistics.ts';
import { createRegistry } from './registry.ts';
import { createStopping } from './stopping.ts';
import { createAdoption } from './adoption.ts';
import { createFinding } from './finding.ts';
import { createForgetting } from './forgetting.ts';
import { createPublisher } from './snapshot/publisher.ts';
import { lostWith } from './stats/totals.ts';
import type { Observed } from './views/observed.ts';
import { internalError } from './reload/verdict.ts';
import { createOpening } from './opening.ts';
import type { Predecessor } from './upgrade/predecessor.ts';
import type { Estate } from './upgrade/estate.ts';
import { createEstate } from './upgrade/estate.ts';

export type StartResult = { readonly ok: true } | { readonly ok: false; readonly problem: Diagnosis };

export interface Instance extends Observed {
  /** Called before start() if this instance replaces another one; see Opening. */
  prepare(known: Predecessor['known']): Promise<Diagnosis | null>;
  readonly estate: Estate;
  start(): Promise<StartResult>;
  /** Reloads run one at a time. All requests that arrive during a reload share the next one. */
  reload(): Promise<ReloadVerdict>;
  /** Handles a `bal backend` request. Reloads and changes take turns. */
  change(request: BackendRequest): Promise<BackendVerdict>;
  /** Resolves with the number of connections cut when the last worker is gone. May be called again, to hurry. */
  stop(request: StopRequest, progress: (line: StopProgress) => void): Promise<number>;
}

export interface InstanceParts extends Pick<Front, 'watchers'> {
  /** What the instance being replaced, or a service manager, hands over. */
  readonly before?: (Partial<Pick<Predecessor, 'generation' | 'reset'>> & Pick<Predecessor, 'listeners'>) | undefined;
  readonly kept: Kept;
  readonly log: RootLog;
  readonly admin: AdminListener;
  /** The path where the worker with this pid offers its connections. */
  readonly handoverPath: (pid: number) => string;
}

export function createInstance(file: Plan, given: InstanceParts): Instance {
  const { before, kept, log, admin, watchers, handoverPath } = given;
  const settled = settle(file, kept.overrides, thisMachine());
  const first = effectivePlan(file, settled.kept);
  const generations = createGenerations(before?.generation);
  const state: InstanceState = {
    phase: 'starting',
    plan: first,
    filePlan: file,
    basePlan: file,
    generation: generations.add(first),
    reloads: 0,
    refused: null,
    read: file.fingerprint,
    past: { respawned: 0, linesDropped: 0 },
  };
  let reloading: Promise<unknown> = Promise.resolve();
  let nextReload: Promise<ReloadVerdict> | null = null;

  const listening = createListening(before?.listeners);
  const registry = createRegistry();
  const route = createRoute(log);
  const statistics = createStatistics(registry);
  const finding = createFinding({
    log: log.for('discovery'),
    state,
    kept: settled.kept,
    generations,
    live: () => live,
    forget: () => forgetting.forget(),
  });
  const { discovery, discovered } = finding;
  const services = createServices(log.for('health'), route.emit, finding.resolver);
  const permits = createPermitBook();
  const fleet = createFleet({
    log: log.for('fleet'),
    emit: route.emit,
    lostWith: ({ pid }) => lostWith(statistics.totals, pid),
    handoverPath: (worker) => handovers.pathFor(worker),
  });
  const handovers = createHandovers({
    log: log.for('fleet'),
    path: handoverPath,
    workers: () => fleet.all(),
    givesAll: ({ generation }) =>
      generations.planOf(generation)?.services.every(({ runtime }) => runtime.reloadDrainMs === 0) ?? false,
  });
  const evenness = createEvenness({
    log: log.for('fleet'),
    statistics,
    handovers,
    workers: () => fleet.all(),
    isCalm: () => state.phase === 'running' && !live.isChanging,
  });
  const publisher = createPublisher({
    registry,
    services,
    statistics,
    planOf: (number) => generations.planOf(number) ?? null,
    workers: () => fleet.all(),
  });
  const resets = { log: log.for('backends'), registry, statistics, fleet, resetBefore: before?.reset };
  const cutDown = createResetDown(resets);
  const resetDown = (service: string, address: string): void => void cutDown(service, address);
  const generationOf = generationsOf({ registry, permits, statistics, publisher });
  const parts = { generations, registry, services, permits, statistics, publisher };
  const forgetting = createForgetting({
    ...parts,
    state,
    listening,
    workers: () => fleet.all(),
    isChanging: () => state.phase === 'reloading' || live.isChanging,
  });
  route.connect({ ...parts, handovers, discovery, adopting: createAdoption(parts), resetDown, ...forgetting });
  const owners = { listening, admin, watchers, permits, services, fleet, statistics, handovers, publisher, registry };
  const opening = createOpening({ ...owners, state, log, generationOf });
  const live = createLive(settled.kept, {
    ...resets,
    store: kept.store,
    services,
    publisher,
    instance: state,
    discovered,
    serve(filePlan, basePlan, plan) {
      publisher.succeed(state.plan, plan);
      listening.succeed(state.plan, plan);
      Object.assign(state, { filePlan, basePlan, plan });
      generations.replace(state.generation, plan);
    },
    inTurn,
  });
  const reset: Estate['reset'] = (...which) => cutConnections(resets, ...which);
  const estate = createEstate({ ...owners, ...forgetting, state, live, discovery, inTurn, generationOf, reset });
  const stopping = createStopping({ ...owners, state, live, evenness, discovery });

  /** Runs reloads and backend changes one at a time. */
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = reloading.then(act);
    reloading = result.catch(() => undefined);
    return result;
  }

  async function start(): Promise<StartResult> {
    await finding.first();
    const problem = await opening.open(state.plan).catch(internalError);
    if (problem === null) {
      if (kept.overrides.length > 0) await live.adopt(settled);
      state.phase = nextPhase(state.phase, 'started');
      finding.again();
      handovers.takeOver();
      return { ok: true };
    }
    if (state.phase === 'starting') {
      await stopping.shut(0);
    } else {
      // A stop arrived during the start and ends the workers in its own time. Close what was opened after it.
      listening.keepOnly([]);
      await admin.close();
    }
    return { ok: false, problem };
  }

  return {
    get phase() {
      return state.phase;
    },
    get plan() {
      return state.plan;
    },
    get filePlan() {
      return state.filePlan;
    },
    get basePlan() {
      return state.basePlan;
    },
    get overrides() {
      return live.overrides;
    },
    get generation() {
      return state.generation;
    },
    get linesDropped() {
      return state.past.linesDropped + route.linesDropped;
    },
    get respawned() {
      return state.past.respawned + fleet.respawned;
    },
    get reloads() {
      return state.reloads;
    },
    services,
    discovery,
    fleet,
    statistics,
    evenness,
    estate,
    async prepare({ services: knownServices, names }) {
      await finding.first(names);
      return opening.prepare(state.plan, knownServices).catch(internalError);
    },
    start,
    reload() {
      if (nextReload !== null) return nextReload;
      const result = deferred<ReloadVerdict>();
      nextReload = result.promise;
      void inTurn(async () => {
        nextReload = null;
        result.resolve(await reload(state, { ...owners, generations, live, generationOf, log, discovery, discovered }));
        forgetting.forget();
      });
      return result.promise;
    },
    async change(request) {
      const verdict = await live.change(request);
      forgetting.forget();
      return verdict;
    },
    contents: contentsOf(state),
    stop: (request, progress) => stopping.stop(request, progress),
  };
}
