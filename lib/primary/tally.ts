// What the workers have counted, asked for and remembered. Owner of each worker's last report and of the totals.

import type { Plan } from '../../config/plan.ts';
import { deferred } from '../deferred.ts';
import type { BackendField, ServiceField } from '../ipc/counters.ts';
import { BACKEND_FIELDS, GAUGES, SERVICE_FIELDS, backendAt, counterLength, serviceAt } from '../ipc/counters.ts';
import type { WorkerNews, WorkerProcess } from './worker-process.ts';

type Counters = Extract<WorkerNews, { kind: 'counters' }>;
export type ServiceCounters = Readonly<Record<ServiceField, number>>;
export type BackendCounters = Readonly<Record<BackendField, number>>;

export interface WorkerReport {
  readonly services: ReadonlyMap<string, ServiceCounters>;
  /** By `service address`. */
  readonly backends: ReadonlyMap<string, BackendCounters>;
  readonly rssBytes: number;
}

export interface Tally {
  /** Takes a worker's report; returns how many connects succeeded per service since its last one. */
  report(worker: WorkerProcess, plan: Plan, counters: Counters): ReadonlyMap<string, number>;
  /** The worker is gone: what it counted stays in the totals. */
  forget(worker: WorkerProcess): void;
  /** Asks the workers for fresh counters; resolves when all have answered, at the latest after `deadlineMs`. */
  refresh(workers: readonly WorkerProcess[], deadlineMs: number): Promise<void>;
  service(name: string): ServiceCounters;
  backend(service: string, address: string): BackendCounters;
  /** Of one live worker; undefined before its first report. */
  worker(worker: WorkerProcess): WorkerReport | undefined;
  /** Over all services, also those that are configured no more. */
  all(): ServiceCounters;
  /** Over all backends, likewise. */
  allBackends(): BackendCounters;
}

export function backendKey(service: string, address: string): string {
  return `${service} ${address}`;
}

export function createTally(): Tally {
  const reports = new Map<WorkerProcess, WorkerReport>();
  const goneServices = new Map<string, ServiceCounters>();
  const goneBackends = new Map<string, BackendCounters>();
  /** Refreshes under way: how many answers each still waits for. */
  const waiting = new Map<number, { missing: number; done: () => void }>();
  let asked = 0;

  function answered(id: number | null): void {
    const refresh = id === null ? undefined : waiting.get(id);
    if (refresh === undefined) return;
    refresh.missing--;
    if (refresh.missing <= 0) refresh.done();
  }

  function service(name: string): ServiceCounters {
    const parts = [...reports.values()].map((report) => report.services.get(name));
    return sum(SERVICE_FIELDS, [goneServices.get(name), ...parts]);
  }

  return {
    report(worker, plan, counters) {
      const before = reports.get(worker);
      const after = read(plan, counters, before);
      reports.set(worker, after);
      answered(counters.id);
      const connected = new Map<string, number>();
      for (const { name, backends } of plan.services) {
        let more = 0;
        for (const { address } of backends) {
          const key = backendKey(name, address);
          more +=
            (after.backends.get(key)?.connections_total ?? 0) - (before?.backends.get(key)?.connections_total ?? 0);
        }
        connected.set(name, more);
      }
      return connected;
    },

    forget(worker) {
      const last = reports.get(worker);
      if (last === undefined) return;
      reports.delete(worker);
      for (const [name, counters] of last.services) {
        goneServices.set(name, sum(SERVICE_FIELDS, [goneServices.get(name), withoutGauges(counters)]));
      }
      for (const [key, counters] of last.backends) {
        goneBackends.set(key, sum(BACKEND_FIELDS, [goneBackends.get(key), withoutGauges(counters)]));
      }
    },

    async refresh(workers, deadlineMs) {
      const asking = workers.filter((worker) => worker.state === 'ready' || worker.state === 'draining');
      if (asking.length === 0) return;
      const id = ++asked;
      const all = deferred<void>();
      waiting.set(id, { missing: asking.length, done: () => all.resolve() });
      const deadline = setTimeout(() => all.resolve(), deadlineMs);
      for (const worker of asking) worker.send({ kind: 'report', id });
      await all.promise;
      clearTimeout(deadline);
      waiting.delete(id);
    },

    service,
    backend(name, address) {
      const key = backendKey(name, address);
      return sum(BACKEND_FIELDS, [
        goneBackends.get(key),
        ...[...reports.values()].map((report) => report.backends.get(key)),
      ]);
    },
    worker: (worker) => reports.get(worker),
    all() {
      const names = new Set([
        ...goneServices.keys(),
        ...[...reports.values()].flatMap((report) => [...report.services.keys()]),
      ]);
      return sum(SERVICE_FIELDS, [...names].map(service));
    },
    allBackends() {
      const live = [...reports.values()].flatMap((report) => [...report.backends.values()]);
      return sum(BACKEND_FIELDS, [...goneBackends.values(), ...live]);
    },
  };
}

/** A counter that falls, or is no number, is a mad worker's: what was known before stands. */
function read(plan: Plan, { values, rssBytes }: Counters, before: WorkerReport | undefined): WorkerReport {
  const backendCount = plan.services.reduce((total, { backends }) => total + backends.length, 0);
  const valid = values.length === counterLength(plan.services.length, backendCount);
  const at = (index: number, field: string, known: number): number => {
    const value = valid ? values[index] : undefined;
    if (value === undefined || !Number.isFinite(value) || value < 0) return known;
    return GAUGES.has(field) ? value : Math.max(value, known);
  };
  const services = new Map<string, ServiceCounters>();
  const backends = new Map<string, BackendCounters>();
  let id = 0;
  plan.services.forEach((service, index) => {
    const known = before?.services.get(service.name);
    services.set(
      service.name,
      record(SERVICE_FIELDS, (field) => at(serviceAt(index, field), field, known?.[field] ?? 0)),
    );
    for (const { address } of service.backends) {
      const backend = id++;
      const key = backendKey(service.name, address);
      const counted = before?.backends.get(key);
      backends.set(
        key,
        record(BACKEND_FIELDS, (field) =>
          at(backendAt(plan.services.length, backend, field), field, counted?.[field] ?? 0),
        ),
      );
    }
  });
  return { services, backends, rssBytes: Number.isFinite(rssBytes) ? rssBytes : 0 };
}

function record<F extends string>(fields: readonly F[], value: (field: F) => number): Record<F, number> {
  const result = {} as Record<F, number>;
  for (const field of fields) result[field] = value(field);
  return result;
}

function sum<F extends string>(
  fields: readonly F[],
  parts: readonly (Readonly<Record<F, number>> | undefined)[],
): Record<F, number> {
  return record(fields, (field) => parts.reduce((total, part) => total + (part?.[field] ?? 0), 0));
}

function withoutGauges<F extends string>(counters: Readonly<Record<F, number>>): Record<F, number> {
  return record(Object.keys(counters) as F[], (field) => (GAUGES.has(field) ? 0 : counters[field]));
}
