// What an instance gives to the one that takes its place, and what it takes from the one before it. How the two processes talk is
// upgrade.ts' and predecessor.ts'; what is theirs is here.

import type { Plan } from '../../../config/plan.ts';
import type { Diagnosis, DrainingStatus } from '../../control/protocol.ts';
import type { AdminListener } from '../listen/admin-listener.ts';
import type { Inherited } from '../listen/listeners.ts';
import type { Binding, Listening } from '../listen/listening.ts';
import type { PermitBook } from '../limits/permits.ts';
import type { Phase } from '../phase.ts';
import { nextPhase } from '../phase.ts';
import { drainingStatus } from '../reload/old-workers.ts';
import { cannotBind, workersFailed } from '../reload/verdict.ts';
import type { Past } from '../stats/past.ts';
import { pastOf } from '../stats/past.ts';
import type { Statistics } from '../stats/statistics.ts';
import { instanceSum, serviceSum } from '../stats/totals.ts';
import type { KnownService } from '../upstream/known.ts';
import { knownOf } from '../upstream/known.ts';
import type { Discovery } from '../upstream/discovery/discovery.ts';
import type { Services } from '../upstream/services.ts';
import type { Fleet, Generation } from '../workers/fleet.ts';
import type { Handovers } from '../workers/handovers.ts';
import type { Held, History, Counts } from './protocol.ts';
import { heldOf, NOBODY, countOf } from './protocol.ts';

/** What has been counted, and who is still there. */
export interface Counted {
  readonly past: Past;
  readonly held: Held;
}

export interface Estate {
  /** No reload and no change meanwhile. */
  inTurn<T>(act: () => Promise<T>): Promise<T>;
  readonly listeners: readonly Inherited[];
  readonly generation: number;
  known(): readonly KnownService[];
  /** What the names of backends lead to. */
  names(): unknown;
  /** As of now. */
  counted(): Promise<Counted>;
  /** The admin address is free from now on, and no limit lets more clients in than there are. */
  withdraw(): Promise<void>;
  /**
   * The workers take no more clients and give away what they have; `offered` is called for each that does. Null: nobody takes it, and
   * they keep it.
   */
  giveAway(offered: (() => void) | null): void;
  /** Since then (performance.now()): resolves when all that can go have gone; at the latest after `deadlineMs`. */
  settled(since: number, deadlineMs: number): Promise<void>;
  /** Another process serves: what waits for its turn is not carried out here any more. */
  leave(): void;
  /** Resolves when no worker is left. */
  gone(): Promise<unknown>;
  /** Connections that are still here. */
  readonly left: DrainingStatus;
  /** All as it was before withdraw() and giveAway(), with what there is of it in this home; or why not. */
  resume(): Promise<Diagnosis | null>;
  /** Nobody takes the sockets back any more: those that this plan does not need are closed. */
  settle(): Promise<void>;
  /** For good: another process serves. Its sockets are left as they are. */
  letGo(): void;
  /** What happened under the process that this one takes the place of. */
  remember(history: History): void;
  /** Another process has counted this and still has these clients; it is looked at before it is used. */
  inherit(pid: number, past: unknown, held: unknown): void;
  /** Its workers offer connections. */
  look(): void;
}

export interface EstateParts {
  readonly state: {
    phase: Phase;
    readonly plan: Plan;
    readonly generation: number;
    reloads: number;
    past: { readonly respawned: number; readonly linesDropped: number };
  };
  readonly inTurn: Estate['inTurn'];
  readonly listening: Pick<Listening, 'descriptors' | 'bindFor' | 'abandon' | 'own' | 'wantedBy'>;
  readonly admin: Pick<AdminListener, 'move'>;
  readonly permits: Pick<PermitBook, 'occupied' | 'held' | 'freeze' | 'setPlan'>;
  readonly services: Pick<Services, 'get' | 'close'>;
  readonly discovery: Pick<Discovery, 'known' | 'close'>;
  readonly fleet: Pick<Fleet, 'all' | 'start' | 'retireAll' | 'drainsUntil'>;
  readonly statistics: Statistics;
  readonly handovers: Pick<Handovers, 'giveAway' | 'ready' | 'look' | 'takeOver' | 'settled'>;
  readonly generationOf: (number: number, plan: Plan, binding: Binding) => Generation;
}

/** As for any question to the workers. */
const COUNTERS_MS = 1000;

export function createEstate(parts: EstateParts): Estate {
  const { state, inTurn, listening, admin, permits, services, discovery, fleet, statistics, handovers, generationOf } =
    parts;
  let isGivenAway = false;
  /** Clients of the process before this one, when it last told. */
  let last = NOBODY;

  async function serveAdmin(plan: Plan): Promise<Diagnosis | null> {
    const pages = await admin.move(plan, () => Promise.resolve(false));
    const moved = pages.ok ? await pages.finish() : pages;
    return moved.ok ? null : cannotBind(moved);
  }

  return {
    inTurn,
    get listeners() {
      return listening.descriptors();
    },
    get generation() {
      return state.generation;
    },
    known: () =>
      state.plan.services.flatMap(({ name }) => {
        const service = services.get(name);
        return service === undefined ? [] : [knownOf(name, service.pool, service.protection, performance.now())];
      }),
    names: () => discovery.known(),
    async counted() {
      await statistics.refresh(fleet.all(), COUNTERS_MS);
      const { totals } = statistics;
      // Those that are of no service yet have a permit of the instance, too.
      const names = [...totals.services.keys()];
      const countsOf = (count: (service: string | null) => number): Counts => ({
        all: count(null),
        services: Object.fromEntries(names.map((name) => [name, count(name)])),
      });
      const active = (service: string | null): number =>
        (service === null ? instanceSum(totals) : serviceSum(totals, service)).clients.active;
      return { past: pastOf(totals), held: { clients: countsOf(active), permits: countsOf(permits.held) } };
    },
    async withdraw() {
      permits.freeze();
      await serveAdmin({ ...state.plan, admin: null });
    },
    giveAway(offered) {
      isGivenAway = true;
      handovers.giveAway(offered);
      fleet.retireAll();
    },
    settled: (since, deadlineMs) => handovers.settled(since, deadlineMs),
    leave() {
      state.phase = nextPhase(state.phase, 'stop');
    },
    gone: () => Promise.all(fleet.all().map(({ exited }) => exited)),
    get left() {
      return drainingStatus(parts);
    },
    async resume() {
      const problem = await serveAdmin(state.plan);
      permits.setPlan(state.plan);
      // Clients that the other one had let in already are with its workers, too.
      handovers.takeOver();
      if (!isGivenAway) return problem;
      isGivenAway = false;
      handovers.giveAway(null);
      const binding = await listening.bindFor(state.plan);
      if (!binding.ok) return cannotBind(binding);
      const result = await fleet.start(generationOf(state.generation, state.plan, binding));
      handovers.ready();
      return result.ok ? problem : workersFailed(result.reason);
    },
    async settle() {
      listening.own(await listening.wantedBy(state.plan));
    },
    letGo() {
      listening.abandon();
      discovery.close();
      services.close();
    },
    remember({ reloads, respawned, linesDropped }) {
      state.reloads += reloads;
      state.past = { respawned, linesDropped };
    },
    inherit(pid, past, held) {
      statistics.inherit(past);
      const { clients, permits: out } = heldOf(held);
      for (const service of [null, ...new Set([...Object.keys(last.services), ...Object.keys(clients.services)])])
        statistics.hold(service, countOf(last, service), countOf(clients, service));
      last = clients;
      permits.occupied(pid, (service) => countOf(out, service));
    },
    look: () => handovers.look(),
  };
}
