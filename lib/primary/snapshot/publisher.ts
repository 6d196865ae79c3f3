// When workers are told what is true of the endpoints. Owner of what each of them was sent, and of the objects that say it.

import type { Plan, ServicePlan } from '../../../config/plan.ts';
import { SHARED_ENDPOINTS } from '../../engine/scoreboard.ts';
import type { EndpointSnapshot } from '../../ipc/snapshot.ts';
import { balancesByLoad, countsLoads } from './by-load.ts';
import type { Registry } from '../registry.ts';
import type { Statistics } from '../stats/statistics.ts';
import { remoteConnections, waitingWith } from '../stats/totals.ts';
import type { Pool } from '../upstream/pool.ts';
import { haveLeft, nextChange } from '../upstream/pool.ts';
import type { Services } from '../upstream/services.ts';
import type { WorkerProcess } from '../workers/worker-process.ts';
import type { Sent, ServiceTruth } from './difference.ts';
import { difference, isSameEndpoint, isSameService, nothingSent } from './difference.ts';
import { endpointSnapshot } from './endpoint.ts';
import { soon } from './soon.ts';

export interface Publisher {
  /**
   * Tells the worker what it does not know yet, now; one that drains only while clients wait with it. While a snapshot is on its way
   * to it there is none; then what has changed meanwhile.
   */
  push(worker: WorkerProcess): void;
  /** A backend or a service is not what it was: all workers are told. */
  changed(): void;
  /** A plan takes the place of another, for the same workers: of what is the same in both they are not told again. */
  succeed(from: Plan, to: Plan): void;
  /** As changed(), now, and without waiting for what is on its way: who asks the workers next hears from them that know it. */
  flush(): void;
  /** Connections came or went: workers are told where it matters to them. */
  loadsChanged(): void;
  /** The worker uses these endpoints no longer, and has forgotten them. */
  retired(worker: WorkerProcess, endpoints: readonly number[]): void;
  /** The worker has connections to these, although its plan may not name them. */
  adopted(worker: WorkerProcess, services: readonly string[], endpoints: readonly EndpointSnapshot[]): void;
  /** The worker is gone. */
  forget(worker: WorkerProcess): void;
  /** Endpoints that some worker may still use. */
  inUse(): Iterable<number>;
  /** Services whose connections some worker has taken from another. */
  servicesInUse(): Iterable<string>;
  /** Nothing is sent any more. */
  cancel(): void;
}

export interface PublisherParts {
  readonly registry: Registry;
  readonly services: Services;
  readonly statistics: Statistics;
  /** Null when nobody knows it: then there is nothing to tell. */
  planOf(generation: number): Plan | null;
  /** All that live. */
  workers(): readonly WorkerProcess[];
}

/** Changes that come within this time go out together. */
const CHANGES_MS = 5;
/** Loads change with every connection, and go to every worker: at most twenty rounds a second. */
const LOADS_MS = 50;

interface KnownTruth {
  readonly truth: ServiceTruth;
  /** It holds as long as this is the service's pool; null: only for now. */
  readonly pool: Pool | null;
}

interface Line {
  readonly sent: Sent;
  readonly adopted: Set<string>;
  /** A snapshot is on its way. */
  isBusy: boolean;
  /** Something has changed since. */
  isStale: boolean;
}

export function createPublisher(parts: PublisherParts): Publisher {
  const { registry, services, statistics } = parts;
  /** By pid. */
  const lines = new Map<number, Line>();
  /** By plan: two may have different endpoints for one service. */
  const known = new WeakMap<Plan, readonly KnownTruth[]>();
  /** The same for those that hear what holds for clients who wait with old workers. */
  const knownNow = new WeakMap<Plan, readonly KnownTruth[]>();
  let closed = false;

  const round = soon(() => publishAll(false));

  function publishAll(isUrgent: boolean): void {
    /** Workers of one plan hear the same. */
    const truths = { own: new Map<Plan, readonly ServiceTruth[]>(), now: new Map<Plan, readonly ServiceTruth[]>() };
    for (const worker of parts.workers()) {
      // One that stands by was told already, and takes clients the moment it gets its sockets.
      if (worker.state === 'forked' && !lines.has(worker.pid)) continue;
      const plan = parts.planOf(worker.generation);
      if (plan === null || !isSubscribed(worker)) continue;
      const known = worker.state === 'draining' ? truths.now : truths.own;
      const truth = known.get(plan) ?? truthFor(worker, plan);
      known.set(plan, truth);
      publish(worker, truth, isUrgent);
    }
  }

  /** One that drains chooses for those who wait with it, and for nobody else. */
  function isSubscribed({ state, pid }: WorkerProcess): boolean {
    return state === 'draining' ? waitingWith(statistics.totals, pid) > 0 : state !== 'gone';
  }

  function truthFor({ state }: WorkerProcess, plan: Plan): readonly ServiceTruth[] {
    return state === 'draining' ? truthNow(plan) : truthOf(plan);
  }

  function truthOf(plan: Plan): readonly ServiceTruth[] {
    const before = known.get(plan) ?? [];
    const now = plan.services.map((service, place) => serviceTruth(service, before[place]));
    known.set(plan, now);
    return now.map(({ truth }) => truth);
  }

  /** Of an old plan's services, with the backends that they have now; a service that is gone stays as it was. */
  function truthNow(plan: Plan): readonly ServiceTruth[] {
    // With the same pool its own plan may have been looked at.
    const before = knownNow.get(plan) ?? known.get(plan)?.map((it) => ({ ...it, pool: null })) ?? [];
    const now = plan.services.map((service, place) => {
      const current = services.get(service.name)?.plan;
      if (current === undefined) return before[place] ?? serviceTruth(service, undefined);
      return serviceTruth({ ...current, method: service.method }, before[place]);
    });
    knownNow.set(plan, now);
    return now.map(({ truth }) => truth);
  }

  function serviceTruth(plan: ServicePlan, before: KnownTruth | undefined): KnownTruth {
    const { name, backends } = plan;
    const guarded = services.guarded(name);
    const current = services.get(name);
    const pool = current?.pool ?? null;
    // A thousand endpoints of which nothing has changed cost one look at them together.
    if (before?.pool === pool && pool !== null && before.truth.service.guarded === guarded) return before;
    // While somebody cools down time alone changes something. Asked before the tiers are read: what is over by then is in them.
    const isSettled = pool !== null && nextChange(pool, performance.now()) === null;
    const isLast = pool !== null && haveLeft(pool, backends);
    const earlier = before?.truth.endpoints ?? [];
    const byId = earlier.length === backends.length ? null : new Map(earlier.map((it) => [it.id, it]));
    const endpoints = backends.map((backend, place) => {
      const now = endpointSnapshot(parts, plan, backend, isLast);
      const known = byId === null ? earlier[place] : byId.get(now.id);
      return known !== undefined && isSameEndpoint(known, now) ? known : now;
    });
    // Workers of a plan that is about to go count together before those come that go by it.
    const byLoad = countsLoads(plan) || (current !== undefined && countsLoads(current.plan));
    const fresh = { id: registry.service(name), guarded, byLoad, endpoints: endpoints.map((endpoint) => endpoint.id) };
    const service = before !== undefined && isSameService(before.truth.service, fresh) ? before.truth.service : fresh;
    return { truth: { service, endpoints }, pool: isSettled ? pool : null };
  }

  /** What it sees in memory it need not hear. */
  function seesAll({ shares }: WorkerProcess): boolean {
    return shares && registry.endpointOf(SHARED_ENDPOINTS) === undefined;
  }

  function publish(worker: WorkerProcess, truth: readonly ServiceTruth[], isUrgent: boolean): void {
    const line = lineOf(worker);
    if (line.isBusy && !isUrgent) {
      line.isStale = true;
      return;
    }
    const snapshot = difference(truth, line.sent, (id) =>
      seesAll(worker) ? 0 : remoteConnections(statistics.totals, worker.pid, id),
    );
    if (snapshot === null) return;
    line.isBusy = true;
    worker.send({ kind: 'snapshot', snapshot }, () => {
      line.isBusy = false;
      if (!line.isStale || closed) return;
      line.isStale = false;
      push(worker);
    });
  }

  function lineOf(worker: WorkerProcess): Line {
    const line = lines.get(worker.pid) ?? { sent: nothingSent(), adopted: new Set(), isBusy: false, isStale: false };
    lines.set(worker.pid, line);
    return line;
  }

  function push(worker: WorkerProcess): void {
    const plan = parts.planOf(worker.generation);
    if (plan !== null && isSubscribed(worker)) publish(worker, truthFor(worker, plan), false);
  }

  return {
    push,
    changed: () => round.within(CHANGES_MS),
    succeed(from, to) {
      // It may have been looked at with this pool already, by the old plan.
      const before = known.get(from)?.map((it) => ({ ...it, pool: null }));
      if (before !== undefined) known.set(to, before);
    },
    flush: () => publishAll(true),
    loadsChanged() {
      const blind = parts.workers().filter((worker) => !seesAll(worker));
      const plans = new Set(blind.map(({ generation }) => parts.planOf(generation)));
      if ([...plans].some((plan) => plan !== null && balancesByLoad(plan))) round.within(LOADS_MS);
    },
    retired(worker, endpoints) {
      const sent = lines.get(worker.pid)?.sent;
      for (const endpoint of endpoints) {
        // Where it came back meanwhile all of it is told anew.
        const service = sent?.endpoints.get(endpoint)?.service;
        if (service !== undefined) {
          sent?.services.delete(service);
          sent?.truths.delete(service);
        }
        sent?.endpoints.delete(endpoint);
        sent?.remote.delete(endpoint);
      }
      if (endpoints.length > 0) round.within(CHANGES_MS);
    },
    adopted(worker, names, endpoints) {
      const { sent, adopted } = lineOf(worker);
      for (const name of names) adopted.add(name);
      for (const endpoint of endpoints) if (!sent.endpoints.has(endpoint.id)) sent.endpoints.set(endpoint.id, endpoint);
    },
    forget(worker) {
      lines.delete(worker.pid);
    },
    inUse,
    servicesInUse: () => [...lines.values()].flatMap(({ adopted }) => [...adopted]),
    cancel() {
      closed = true;
      round.cancel();
    },
  };

  function* inUse(): Generator<number> {
    for (const { sent } of lines.values()) yield* sent.endpoints.keys();
  }
}
