// What an instance hands to its successor, and takes from its predecessor. upgrade.ts and predecessor.ts do the talking between
// the two processes; this file acts on the instance's own state.

import type { Plan } from '../../../config/plan.ts';
import type { Diagnosis, DrainingStatus } from '../../control/protocol.ts';
import type { Live } from '../live/live.ts';
import type { AdminListener } from '../listen/admin-listener.ts';
import type { Inherited } from '../listen/listeners.ts';
import type { Binding, Listening } from '../listen/listening.ts';
import type { PermitBook } from '../limits/permits.ts';
import type { Phase } from '../phase.ts';
import { nextPhase } from '../phase.ts';
import { drainingStatus } from '../reload/old-workers.ts';
import { cannotBind, internalError, workersFailed } from '../reload/verdict.ts';
import type { Past } from '../stats/past.ts';
import { loadsOf, pastOf } from '../stats/past.ts';
import type { Statistics } from '../stats/statistics.ts';
import { instanceSum, serviceSum } from '../stats/totals.ts';
import type { Publisher } from '../snapshot/publisher.ts';
import type { KnownService } from '../upstream/known.ts';
import { knownOf } from '../upstream/known.ts';
import type { Discovery } from '../upstream/discovery/discovery.ts';
import type { Services } from '../upstream/services.ts';
import type { Fleet, Generation } from '../workers/fleet.ts';
import type { Handovers } from '../handovers/handovers.ts';
import { endpointIn } from '../registry.ts';
import { createSharing, type Sharing } from './bequest.ts';
import type { Predecessor } from './predecessor.ts';
import type { Held, History, Counts } from './protocol.ts';
import { heldOf, NOBODY, countOf } from './protocol.ts';

/** The counters, and the clients and permits that are still held. */
export interface Counted {
  readonly past: Past;
  readonly held: Held;
}

export interface Estate extends Sharing {
  /** Runs `act` while no reload and no other change is under way. */
  inTurn<T>(act: () => Promise<T>): Promise<T>;
  readonly listeners: readonly Inherited[];
  readonly generation: number;
  known(): readonly KnownService[];
  /** What the names of backends resolve to. */
  names(): unknown;
  /** With fresh counters. */
  counted(): Promise<Counted>;
  /** Frees the admin address, and grants no permit beyond those in use. */
  withdraw(): Promise<void>;
  /**
   * Retires the workers, which take no more clients and offer their connections; `offered` is called for each that does. Null:
   * nobody takes the connections, and the workers keep them.
   */
  giveAway(offered: (() => void) | null): void;
  /** Resolves when all connections that can go have gone, counted from `since` (performance.now()), at the latest after `deadlineMs`. */
  settled(since: number, deadlineMs: number): Promise<void>;
  /** The successor serves: drops whatever waits for its turn here. */
  leave(): void;
  /** Resolves when no worker is left. */
  gone(): Promise<unknown>;
  /** Connections that are still here. */
  readonly left: DrainingStatus;
  /** Undoes withdraw() and giveAway() as far as possible in this home. Returns the reason if something could not be undone. */
  resume(): Promise<Diagnosis | null>;
  /** Closes the inherited sockets that this plan does not need, once the predecessor can no longer take them back. */
  settle(): Promise<void>;
  /** Lets go for good: the successor serves. Leaves its sockets as they are. */
  letGo(): void;
  /** Takes over the history of the predecessor. */
  remember(history: History): void;
  /** Takes over counters and clients from another process; both are validated first. */
  inherit(from: Pick<Predecessor, 'pid' | 'lend'>, past: unknown, held: unknown): void;
  /** From now on clients that wait here get only permits that the successor lends. */
  borrow(): void;
  borrowed(service: string | null, permits: number): void;
  /** Cuts the connections to a backend that are still here, at the request of the successor. */
  reset(service: string, address: string, why: 'operator' | 'backend_down'): Promise<void>;
  /** Asks for the connections that the predecessor's workers offer. */
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
  readonly permits: Pick<PermitBook, 'occupied' | 'held' | 'freeze' | 'borrow' | 'borrowed' | 'loans' | 'setPlan'>;
  readonly services: Pick<Services, 'get' | 'used' | 'close'>;
  readonly discovery: Pick<Discovery, 'known' | 'close'>;
  readonly live: Pick<Live, 'close'>;
  readonly fleet: Pick<Fleet, 'all' | 'start' | 'retireAll' | 'drainsUntil'>;
  readonly statistics: Statistics;
  readonly handovers: Pick<Handovers, 'giveAway' | 'takeBack' | 'ready' | 'look' | 'takeOver' | 'settled'>;
  readonly publisher: Pick<Publisher, 'loadsChanged'>;
  readonly registry: Parameters<typeof createSharing>[0];
  readonly generationOf: (number: number, plan: Plan, binding: Binding) => Generation;
  readonly reset: Estate['reset'];
  /** Frees what is no longer in use. */
  forget(): void;
  /** Connections have ended, perhaps the last ones of a backend that left the plan. */
  forgetBackends(): void;
}

/** As for any question to the workers. */
const COUNTERS_MS = 1000;

export function createEstate(parts: EstateParts): Estate {
  const { state, inTurn, listening, admin, permits, services, live, discovery, fleet, statistics, handovers } = parts;
  let isGivenAway = false;
  let isBorrowing = false;
  /** Clients of the predecessor, as it last reported. */
  let last = NOBODY;

  async function serveAdmin(plan: Plan): Promise<Diagnosis | null> {
    const pages = await admin.move(plan, () => Promise.resolve(false));
    const moved = pages.ok ? await pages.finish() : pages;
    return moved.ok ? null : cannotBind(moved);
  }

  /** Starts the workers again if they were given away. Returns the problem, or null. */
  async function startAgain(): Promise<Diagnosis | null> {
    if (!isGivenAway) return null;
    isGivenAway = false;
    handovers.takeBack();
    const binding = await listening.bindFor(state.plan);
    if (!binding.ok) return cannotBind(binding);
    const result = await fleet.start(parts.generationOf(state.generation, state.plan, binding));
    handovers.ready();
    return result.ok ? null : workersFailed(result.reason);
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
      // Clients that have no service yet hold a permit of the instance too.
      const names = [...totals.services.keys()];
      const countsOf = (count: (service: string | null) => number): Counts => ({
        all: count(null),
        services: Object.fromEntries(names.map((name) => [name, count(name)])),
      });
      const active = (service: string | null): number =>
        (service === null ? instanceSum(totals) : serviceSum(totals, service)).clients.active;
      const held = {
        clients: countsOf(active),
        permits: countsOf(permits.held),
        backends: loadsOf(totals),
        draining: drainingStatus(parts),
        ...(isBorrowing && {
          wanted: countsOf((service) => permits.loans(service).wanted),
          lent: countsOf((service) => permits.loans(service).lent),
        }),
      };
      return { past: pastOf(totals), held };
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
      isBorrowing = false;
      permits.setPlan(state.plan);
      // Clients that the successor admitted are still with its workers.
      handovers.takeOver();
      // The workers do not wait for the admin address, whose name may take seconds to look up.
      const [pages, workers] = await Promise.all([serveAdmin(state.plan).catch(internalError), startAgain()]);
      return workers ?? pages;
    },
    async settle() {
      listening.own(await listening.wantedBy(state.plan));
    },
    letGo() {
      listening.abandon();
      // What an operator has changed is the successor's now: it ends drains, and writes them into the home.
      live.close();
      discovery.close();
      services.close();
    },
    remember({ reloads, respawned, linesDropped }) {
      state.reloads += reloads;
      state.past = { respawned, linesDropped };
    },
    inherit({ pid, lend }, past, held) {
      statistics.inherit(past);
      const { clients, permits: out, backends, draining = null, wanted = NOBODY, lent = null } = heldOf(held);
      for (const service of [null, ...new Set([...Object.keys(last.services), ...Object.keys(clients.services)])])
        statistics.hold(service, countOf(last, service), countOf(clients, service));
      last = clients;
      statistics.holdDraining(draining);
      const inUse = new Map(Object.entries(backends ?? {}));
      for (const { service, address } of [...inUse.keys()].map(endpointIn)) services.used(service, address);
      if (statistics.holdBackends(inUse)) {
        parts.publisher.loadsChanged();
        parts.forgetBackends();
      }
      permits.occupied({
        pid,
        held: (service) => countOf(out, service),
        wanted: (service) => countOf(wanted, service),
        lent: (service) => (lent === null ? null : countOf(lent, service)),
        lend,
      });
    },
    borrow() {
      isBorrowing = true;
      permits.borrow();
    },
    borrowed(service, more) {
      permits.borrowed(service, more);
    },
    reset: parts.reset,
    look: () => handovers.look(),
    ...createSharing(parts.registry, permits, () => parts.forget()),
  };
}
