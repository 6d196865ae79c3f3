// What an instance gives to the one that takes its place, and what it takes from the one before it. How the two processes talk is
// upgrade.ts' and predecessor.ts'; what is theirs is here.

import { routedListeners } from '../../../config/listeners.ts';
import type { Plan } from '../../../config/plan.ts';
import type { Diagnosis, DrainingStatus } from '../../control/protocol.ts';
import type { AdminListener } from '../listen/admin-listener.ts';
import type { Binding, Inherited, Listening } from '../listen/listening.ts';
import type { PermitBook } from '../limits/permits.ts';
import { drainingStatus } from '../reload/old-workers.ts';
import { cannotBind, workersFailed } from '../reload/verdict.ts';
import type { Past } from '../stats/past.ts';
import { pastOf } from '../stats/past.ts';
import type { Statistics } from '../stats/statistics.ts';
import { serviceSum } from '../stats/totals.ts';
import type { KnownService } from '../upstream/known.ts';
import { knownOf } from '../upstream/known.ts';
import type { Discovery } from '../upstream/discovery/discovery.ts';
import type { Services } from '../upstream/services.ts';
import type { Fleet, Generation } from '../workers/fleet.ts';
import type { Handovers } from '../workers/handovers.ts';
import type { Held, History } from './protocol.ts';
import { heldOf } from './protocol.ts';

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
  /** The admin address is free from now on. */
  withdraw(): Promise<void>;
  /** The workers take no more clients and give away what they have; `offered` is called for each that does. */
  giveAway(offered: () => void): void;
  /** Since then (performance.now()): resolves when all that can go have gone; at the latest after `deadlineMs`. */
  settled(since: number, deadlineMs: number): Promise<void>;
  /** Resolves when no worker is left. */
  gone(): Promise<unknown>;
  /** Connections that are still here. */
  readonly left: DrainingStatus;
  /** All as it was before withdraw() and giveAway(), with what there is of it in this home; or why not. */
  resume(): Promise<Diagnosis | null>;
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
    readonly plan: Plan;
    readonly generation: number;
    reloads: number;
    past: { readonly respawned: number; readonly linesDropped: number };
  };
  readonly inTurn: Estate['inTurn'];
  readonly listening: Pick<Listening, 'descriptors' | 'bindFor' | 'abandon'>;
  readonly admin: Pick<AdminListener, 'move'>;
  readonly permits: Pick<PermitBook, 'occupied'>;
  readonly services: Pick<Services, 'get' | 'close'>;
  readonly discovery: Pick<Discovery, 'known' | 'close'>;
  readonly fleet: Pick<Fleet, 'all' | 'start' | 'retireAll' | 'drainsUntil'>;
  readonly statistics: Statistics;
  readonly handovers: Pick<Handovers, 'giveAway' | 'keep' | 'ready' | 'look' | 'takeOver' | 'settled'>;
  readonly generationOf: (number: number, plan: Plan, binding: Binding) => Generation;
}

/** As for any question to the workers. */
const COUNTERS_MS = 1000;

export function createEstate(parts: EstateParts): Estate {
  const { state, inTurn, listening, admin, permits, services, discovery, fleet, statistics, handovers, generationOf } =
    parts;
  let isGivenAway = false;

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
      const { plan } = state;
      // Those that are of no service yet have a permit of the instance, too.
      const names = [...plan.services.map(({ name }) => name), ...routedListeners(plan).map(({ address }) => address)];
      const held = names.map((name) => [name, serviceSum(totals, name).clients.active] as const);
      return { past: pastOf(totals), held: Object.fromEntries(held) };
    },
    async withdraw() {
      await serveAdmin({ ...state.plan, admin: null });
    },
    giveAway(offered) {
      isGivenAway = true;
      handovers.giveAway(offered);
      fleet.retireAll();
    },
    settled: (since, deadlineMs) => handovers.settled(since, deadlineMs),
    gone: () => Promise.all(fleet.all().map(({ exited }) => exited)),
    get left() {
      return drainingStatus(parts);
    },
    async resume() {
      const problem = await serveAdmin(state.plan);
      if (!isGivenAway) return problem;
      isGivenAway = false;
      handovers.keep();
      const binding = await listening.bindFor(state.plan);
      if (!binding.ok) return cannotBind(binding);
      const result = await fleet.start(generationOf(state.generation, state.plan, binding));
      // What the other one's workers have taken already comes back from them.
      handovers.ready();
      handovers.takeOver();
      return result.ok ? problem : workersFailed(result.reason);
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
      const clients = heldOf(held);
      const all = [...clients.values()].reduce((sum, count) => sum + count, 0);
      permits.occupied(pid, (service) => (service === null ? all : (clients.get(service) ?? 0)));
    },
    look: () => handovers.look(),
  };
}
