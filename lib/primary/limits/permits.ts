// The permit pools: pool 0 is the instance's, and each service with a limit of its own has one more. Owns the Leases, which are
// pure: feeds them the workers' messages and sends their replies.

import type { Plan, ServicePlan } from '../../../config/plan.ts';
import type { Leases, LeaseEvent } from './leases.ts';
import { createLeases, deadline, heldBy, heldPermits, step } from './leases.ts';
import type { WorkerMessage, WorkerProcess } from '../workers/worker-process.ts';

export interface PermitBook {
  /** Sets the limits. Existing pools change at once. */
  setPlan(plan: Plan): void;
  /** The service's pool; null if the service has no limit of its own. */
  poolOf(service: ServicePlan): number | null;
  receive(worker: WorkerProcess, message: Extract<WorkerMessage, { kind: 'ask' | 'returned' | 'took' }>): void;
  /** Counts the clients of another process that is ending against the limits here; `clients` takes a service, or null for the instance. */
  occupied(pid: number, clients: (service: string | null) => number): void;
  /** Granted permits of a service with a limit of its own, or of the instance (null). */
  held(service: string | null): number;
  /** Grants no more permits until the next setPlan(). */
  freeze(): void;
  /** The worker takes no more clients. */
  leaving(worker: WorkerProcess): void;
  /** The worker is gone, with all its connections. */
  forget(worker: WorkerProcess): void;
  close(): void;
}

export function createPermitBook(): PermitBook {
  const books = new Map<number, Leases>();
  /** By pid: a replacement has the same id as the worker it replaces, while both are alive. */
  const workers = new Map<number, WorkerProcess>();
  const poolIds = new Map<string, number>();
  let timer: NodeJS.Timeout | null = null;

  function apply(pool: number, event: LeaseEvent): void {
    const book = books.get(pool);
    if (book === undefined) return;
    const { state, send } = step(book, event, performance.now());
    books.set(pool, state);
    for (const { worker, message } of send) workers.get(worker)?.send(message);
  }

  function schedule(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const now = performance.now();
    const due = [...books.values()].flatMap((book) => deadline(book, now) ?? []);
    if (due.length === 0) return;
    timer = setTimeout(
      () => {
        timer = null;
        for (const pool of books.keys()) apply(pool, { kind: 'tick' });
        schedule();
      },
      Math.min(...due),
    );
  }

  function setLimit(pool: number, limit: number): void {
    if (books.has(pool)) apply(pool, { kind: 'limit', limit });
    else books.set(pool, createLeases(pool, limit));
  }

  /** Ids stay small, because workers use them as indexes. */
  function freeId(): number {
    const taken = new Set(poolIds.values());
    let id = 1;
    while (taken.has(id)) id++;
    return id;
  }

  function poolOf({ name, ownLimit }: ServicePlan): number | null {
    if (ownLimit === null) return null;
    const pool = poolIds.get(name) ?? freeId();
    poolIds.set(name, pool);
    return pool;
  }

  return {
    setPlan(plan) {
      setLimit(0, plan.maxConnections);
      const wanted = new Set([0]);
      plan.services.forEach((service) => {
        const pool = poolOf(service);
        if (pool === null || service.ownLimit === null) return;
        wanted.add(pool);
        setLimit(pool, service.ownLimit);
      });
      // A worker of an earlier plan may still ask: some of its clients have not said yet which service they want.
      for (const [pool, book] of books) if (!wanted.has(pool) && book.workers.size === 0) books.delete(pool);
      for (const [name, pool] of poolIds) if (!books.has(pool)) poolIds.delete(name);
      schedule();
    },
    poolOf,
    receive(worker, message) {
      // Messages of a dead worker may still arrive. Permits granted to it would be lost.
      if (worker.state === 'gone') return;
      workers.set(worker.pid, worker);
      apply(message.pool, { kind: 'joined', worker: worker.pid });
      if (worker.state === 'draining') apply(message.pool, { kind: 'leaving', worker: worker.pid });
      const { pool, ...event } = message;
      apply(pool, { ...event, worker: worker.pid });
      schedule();
    },
    occupied(pid, clients) {
      const names = new Map([...poolIds].map(([name, pool]) => [pool, name]));
      for (const [pool, book] of books) {
        const now = clients(names.get(pool) ?? null);
        if (now === 0) {
          apply(pool, { kind: 'left', worker: pid });
          continue;
        }
        const more = now - heldBy(book, pid);
        apply(pool, { kind: 'joined', worker: pid });
        apply(pool, { kind: 'leaving', worker: pid });
        if (more > 0) apply(pool, { kind: 'took', worker: pid, permits: more });
        else apply(pool, { kind: 'returned', worker: pid, permits: -more, recalled: false });
      }
      schedule();
    },
    held(service) {
      const book = books.get(service === null ? 0 : (poolIds.get(service) ?? -1));
      return book === undefined ? 0 : heldPermits(book);
    },
    freeze() {
      for (const [pool, book] of books) setLimit(pool, Math.min(book.limit, heldPermits(book)));
    },
    leaving(worker) {
      for (const pool of books.keys()) apply(pool, { kind: 'leaving', worker: worker.pid });
    },
    forget(worker) {
      workers.delete(worker.pid);
      for (const pool of books.keys()) apply(pool, { kind: 'left', worker: worker.pid });
      schedule();
    },
    close() {
      if (timer !== null) clearTimeout(timer);
    },
  };
}
