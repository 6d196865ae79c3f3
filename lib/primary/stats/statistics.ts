// Owns the totals and the recent outcomes of clients: takes the workers' reports and asks for fresh ones.

import type { DrainingStatus, RecentStatus } from '../../control/protocol.ts';
import { deferred } from '../../deferred.ts';
import type { Registry } from '../registry.ts';
import { endpointKey } from '../registry.ts';
import type { Past } from './past.ts';
import { hold, holdBackend, inherit, NO_PAST } from './past.ts';
import { countsOf, createRecent, note, recentStatus } from './recent.ts';
import type { Recent } from './recent.ts';
import type { Growth } from './report.ts';
import { leave, report, retire } from './report.ts';
import type { Totals } from './totals.ts';
import { clientsWith, createTotals, join, retain } from './totals.ts';
import type { WorkerMessage, WorkerProcess } from '../workers/worker-process.ts';

export interface Statistics {
  /** Read-only for others. Workers are keyed by pid, because a replacement lives beside the worker whose id it has. */
  readonly totals: Totals;
  join(worker: WorkerProcess): void;
  /** Takes a worker's report; returns what has changed since the last one. */
  report(worker: WorkerProcess, counters: Extract<WorkerMessage, { kind: 'counters' }>): Growth;
  /** Removes a dead worker; its counts stay in the totals. Returns how many connections it had when it last reported. */
  leave(worker: WorkerProcess): number;
  /** Takes over what another process has counted, or has counted since the last call. Validates it. */
  inherit(past: unknown): void;
  /** Another process has `now` clients, and had `before`; service null means the instance. */
  hold(service: string | null, before: number, now: number): void;
  /** Another process has these connections to backends, by endpointKey(), and no others. Returns true if it had others before. */
  holdBackends(now: ReadonlyMap<string, number>): boolean;
  /** Another process has these connections in workers that drain; null: none. */
  holdDraining(now: DrainingStatus | null): void;
  readonly heldDraining: DrainingStatus | null;
  /** Forgets all other services and backends, unless another process still has clients of them. */
  retain(services: ReadonlySet<string>, endpointKeys: ReadonlySet<string>): void;
  /**
   * Asks the workers for fresh counters. Resolves when all live ones have answered, at the latest after `deadlineMs`, with the
   * number that have not.
   */
  refresh(workers: readonly WorkerProcess[], deadlineMs: number): Promise<number>;
  /** The outcomes of the last clients of a service, or of the last connects and connections to one of its backends. */
  recent(service: string, address: string | null): RecentStatus;
  /** Recent resource shortages of this machine, by place and errno. */
  short(): Readonly<Record<string, number>>;
  /** Resident memory of a worker when it last reported. */
  rssBytes(worker: WorkerProcess): number;
}

export function createStatistics(registry: Registry): Statistics {
  const totals = createTotals(registry);
  const rss = new Map<number, number>();
  /** Refreshes under way, with the workers that have not answered. */
  const waiting = new Map<number, { readonly missing: Set<number>; readonly done: () => void }>();
  /** By service or endpointKey(); an entry is made at the first outcome. */
  const recent = new Map<string, Recent>();
  const shortages = createRecent();
  let asked = 0;
  let inherited: Past = NO_PAST;
  /** What another process has: services, and connections by backend. */
  const heldServices = new Set<string>();
  let heldBackends: ReadonlyMap<string, number> = new Map();
  let heldDraining: DrainingStatus | null = null;

  function remember(key: string, what: string, count: number, now: number, wall: number): void {
    let own = recent.get(key);
    if (own === undefined) recent.set(key, (own = createRecent()));
    note(own, what, count, now, wall);
  }

  function rememberAll({ outcomes }: Growth, short: Readonly<Record<string, number>>): void {
    const [now, wall] = [performance.now(), Date.now()];
    for (const { service, key, what, count } of outcomes) {
      remember(key, what, count, now, wall);
      // Only backends count these, but they matter to the service as well.
      if (what === 'reset_early') remember(service, what, count, now, wall);
    }
    for (const [what, count] of Object.entries(short)) note(shortages, what, count, now, wall);
  }

  function answered(id: number, pid: number): void {
    const refresh = waiting.get(id);
    if (refresh?.missing.delete(pid) === true && refresh.missing.size === 0) refresh.done();
  }

  return {
    totals,
    join(worker) {
      join(totals, worker.pid);
    },
    report(worker, counters) {
      const { id, short, rssBytes, retired } = counters;
      // Its last message may arrive after its exit.
      if (totals.workers.has(worker.pid) && Number.isFinite(rssBytes)) rss.set(worker.pid, rssBytes);
      const fresh = report(totals, worker.pid, counters);
      if (retired.length > 0) retire(totals, worker.pid, retired);
      rememberAll(fresh, short);
      if (id !== null) answered(id, worker.pid);
      return fresh;
    },
    leave(worker) {
      const active = clientsWith(totals, worker.pid);
      leave(totals, worker.pid);
      rss.delete(worker.pid);
      // A dead worker will not answer.
      for (const id of waiting.keys()) answered(id, worker.pid);
      return active;
    },
    hold(service, before, now) {
      hold(totals, service, before, now);
      if (service !== null && now > 0) heldServices.add(service);
      else if (service !== null) heldServices.delete(service);
    },
    holdBackends(now) {
      const before = (key: string): number => heldBackends.get(key) ?? 0;
      const keys = new Set([...heldBackends.keys(), ...now.keys()]);
      const differing = [...keys].filter((key) => before(key) !== (now.get(key) ?? 0));
      for (const key of differing) holdBackend(totals, key, before(key), now.get(key) ?? 0);
      heldBackends = now;
      return differing.length > 0;
    },
    holdDraining(now) {
      heldDraining = now;
    },
    get heldDraining() {
      return heldDraining;
    },
    inherit(past) {
      inherited = inherit(totals, inherited, past);
    },
    retain(services, endpointKeys) {
      retain(totals, new Set([...services, ...heldServices]), new Set([...endpointKeys, ...heldBackends.keys()]));
      const kept = new Set([...totals.services.keys(), ...totals.backends.keys()]);
      for (const key of recent.keys()) if (!kept.has(key)) recent.delete(key);
    },
    async refresh(workers, deadlineMs) {
      const asking = workers.filter((worker) => worker.state === 'ready' || worker.state === 'draining');
      if (asking.length === 0) return 0;
      const id = ++asked;
      const all = deferred<void>();
      const missing = new Set(asking.map(({ pid }) => pid));
      waiting.set(id, { missing, done: () => all.resolve() });
      const deadline = setTimeout(() => all.resolve(), deadlineMs);
      for (const worker of asking) worker.send({ kind: 'report', id });
      await all.promise;
      clearTimeout(deadline);
      waiting.delete(id);
      return missing.size;
    },
    recent: (service, address) =>
      recentStatus(recent.get(keyOf(service, address)) ?? createRecent(), performance.now()),
    short: () => countsOf(shortages, performance.now()),
    rssBytes: (worker) => rss.get(worker.pid) ?? 0,
  };
}

function keyOf(service: string, address: string | null): string {
  return address === null ? service : endpointKey(service, address);
}
