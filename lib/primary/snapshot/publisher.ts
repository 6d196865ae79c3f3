// Publishes the state of the endpoints to the workers. Owns the record of what each worker was sent, and the snapshot objects.

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
   * Sends the worker what it does not know yet; a draining worker gets it only while clients wait there. If a snapshot is in
   * flight, the next one follows when that has left.
   */
  push(worker: WorkerProcess): void;
  /** A backend or a service has changed: publishes to all workers soon. */
  changed(): void;
  /** Replaces a plan for the same workers, which are not sent again what is the same in both. */
  succeed(from: Plan, to: Plan): void;
  /** Like changed(), but now, without waiting for snapshots in flight: any message sent later reaches workers that have the state. */
  flush(): void;
  /** Connection counts have changed: publishes to the workers that depend on them. */
  loadsChanged(): void;
  /** The worker has dropped these endpoints. */
  retired(worker: WorkerProcess, endpoints: readonly number[]): void;
  /** The worker has connections to these endpoints, although its plan may not contain them. */
  adopted(worker: WorkerProcess, services: readonly string[], endpoints: readonly EndpointSnapshot[]): void;
  /** The worker is gone. */
  forget(worker: WorkerProcess): void;
  /** Endpoints that a worker may still use. */
  inUse(): Iterable<number>;
  /** Services whose connections a worker has taken from another. */
  servicesInUse(): Iterable<string>;
  /** Stops sending. */
  cancel(): void;
}

export interface PublisherParts {
  readonly registry: Registry;
  readonly services: Services;
  readonly statistics: Statistics;
  /** Null if the generation is unknown; then nothing is sent. */
  planOf(generation: number): Plan | null;
  /** All live workers. */
  workers(): readonly WorkerProcess[];
}

/** Changes within this time share a snapshot. */
const CHANGES_MS = 5;
/** Loads change with every connection and go to every worker, so send them at most 20 times a second. */
const LOADS_MS = 50;

interface KnownTruth {
  readonly truth: ServiceTruth;
  /** The pool for which `truth` holds; null if `truth` may change with time alone. */
  readonly pool: Pool | null;
}

interface Line {
  readonly sent: Sent;
  readonly adopted: Set<string>;
  /** A snapshot is in flight. */
  isBusy: boolean;
  /** Something has changed since. */
  isStale: boolean;
}

export function createPublisher(parts: PublisherParts): Publisher {
  const { registry, services, statistics } = parts;
  /** By pid. */
  const lines = new Map<number, Line>();
  /** By plan: two plans may have different endpoints for one service. */
  const known = new WeakMap<Plan, readonly KnownTruth[]>();
  /** The same for draining workers, which get the current endpoints of the old plan's services. */
  const knownNow = new WeakMap<Plan, readonly KnownTruth[]>();
  let closed = false;

  const round = soon(() => publishAll(false));

  function publishAll(isUrgent: boolean): void {
    /** Workers of one plan share the result. */
    const truths = { own: new Map<Plan, readonly ServiceTruth[]>(), now: new Map<Plan, readonly ServiceTruth[]>() };
    for (const worker of parts.workers()) {
      // A worker that stands by got its first snapshot already, and takes clients as soon as it gets its sockets.
      if (worker.state === 'forked' && !lines.has(worker.pid)) continue;
      const plan = parts.planOf(worker.generation);
      if (plan === null || !isSubscribed(worker)) continue;
      const known = worker.state === 'draining' ? truths.now : truths.own;
      const truth = known.get(plan) ?? truthFor(worker, plan);
      known.set(plan, truth);
      publish(worker, truth, isUrgent);
    }
  }

  /** A draining worker needs snapshots only while clients wait there. */
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

  /** The services of an old plan with their current backends. A service that is gone keeps its last state. */
  function truthNow(plan: Plan): readonly ServiceTruth[] {
    // `known` may have been built from the same pool for the plan's own backends, so do not reuse it by pool.
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
    // Reuse the state if nothing has changed: a service may have a thousand endpoints.
    if (before?.pool === pool && pool !== null && before.truth.service.guarded === guarded) return before;
    // During a cool-down, time alone changes tiers. Check this before reading the tiers, which then include what ends in between.
    const isSettled = pool !== null && nextChange(pool, performance.now()) === null;
    const isLast = pool !== null && haveLeft(pool, backends);
    const earlier = before?.truth.endpoints ?? [];
    const byId = earlier.length === backends.length ? null : new Map(earlier.map((it) => [it.id, it]));
    const endpoints = backends.map((backend, place) => {
      const now = endpointSnapshot(parts, plan, backend, isLast);
      const known = byId === null ? earlier[place] : byId.get(now.id);
      return known !== undefined && isSameEndpoint(known, now) ? known : now;
    });
    // Workers of the outgoing plan must count loads before workers of a plan that balances by load arrive.
    const byLoad = countsLoads(plan) || (current !== undefined && countsLoads(current.plan));
    const fresh = { id: registry.service(name), guarded, byLoad, endpoints: endpoints.map((endpoint) => endpoint.id) };
    const service = before !== undefined && isSameService(before.truth.service, fresh) ? before.truth.service : fresh;
    return { truth: { service, endpoints }, pool: isSettled ? pool : null };
  }

  /** Whether the worker reads all connection counts from shared memory. */
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
      // The old plan may have been built from this very pool, so do not reuse it by pool.
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
        // The endpoint may be in use again by now: send it and its service anew.
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
