// The permit pools: pool 0 is the instance's, and each service with a limit of its own has one more. Owns the Leases, which are
// pure: feeds them the workers' messages and sends their replies.

import type { Plan, ServicePlan } from '../../../config/plan.ts';
import type { Leases, LeaseEvent } from './leases.ts';
import { createLeases, deadline, heldBy, heldPermits, LOAN_MS, RECALL_MS, step } from './leases.ts';
import type { WorkerMessage, WorkerProcess } from '../workers/worker-process.ts';

export interface PermitBook {
  /** Sets the limits. Existing pools change at once. */
  setPlan(plan: Plan): void;
  /** The service's pool; null if the service has no limit of its own. */
  poolOf(service: ServicePlan): number | null;
  receive(worker: WorkerProcess, message: Extract<WorkerMessage, { kind: 'ask' | 'returned' | 'took' }>): void;
  /**
   * Counts what another process that is ending holds against the limits here, and lends it permits that its clients wait for. Called
   * before the first setPlan(), it takes effect with that.
   */
  occupied(borrower: Borrower): void;
  /** Granted permits of a service with a limit of its own, or of the instance (null). */
  held(service: string | null): number;
  /** Grants no more permits than are held now, until the next setPlan(). Whoever asks for more waits for a loan. */
  freeze(): void;
  /** From now on until the next setPlan(), permits that come back are another process's. Only what it lends is granted here. */
  borrow(): void;
  borrowed(service: string | null, permits: number): void;
  /** What is lent here, and what for, as of now: permits that are not used are not kept. */
  loans(service: string | null): { readonly wanted: number; readonly lent: number };
  /** The worker takes no more clients. */
  leaving(worker: WorkerProcess): void;
  /** The worker is gone, with all its connections. */
  forget(worker: WorkerProcess): void;
  close(): void;
}

/** Another process whose clients count here. Each function takes a service, or null for the instance. */
export interface Borrower {
  readonly pid: number;
  held(service: string | null): number;
  /** Permits that its clients wait for. */
  wanted(service: string | null): number;
  /** All permits that it has got by lend(); null: it does not borrow. */
  lent(service: string | null): number | null;
  lend(service: string | null, permits: number): void;
}

export function createPermitBook(): PermitBook {
  const books = new Map<number, Leases>();
  /** By pid: a replacement has the same id as the worker it replaces, while both are alive. */
  const workers = new Map<number, WorkerProcess>();
  const poolIds = new Map<string, number>();
  /** By service, since a pool's id is used again: all permits lent to the predecessor, and those that the successor has lent. */
  const given = new Map<string | null, number>();
  const got = new Map<string | null, number>();
  let borrower: Borrower | null = null;
  let isBorrowing = false;
  let timer: NodeJS.Timeout | null = null;

  function apply(pool: number, event: LeaseEvent): void {
    const book = books.get(pool);
    if (book === undefined) return;
    const now = performance.now();
    // What comes back is the lender's, so the limit shrinks before anybody here can get it.
    const freed = isBorrowing ? freedBy(book, event) : 0;
    const before = freed > 0 ? step(book, { kind: 'limit', limit: book.limit - freed }, now) : null;
    const { state, send } = step(before?.state ?? book, event, now);
    books.set(pool, state);
    for (const { worker, message } of [...(before?.send ?? []), ...send]) {
      if (worker !== borrower?.pid) workers.get(worker)?.send(message);
      else if (message.kind === 'permits' && message.granted > 0) lend(pool, message.granted, borrower);
    }
  }

  function lend(pool: number, permits: number, to: Borrower): void {
    const service = nameOf(pool);
    given.set(service, (given.get(service) ?? 0) + permits);
    to.lend(service, permits);
  }

  function nameOf(pool: number): string | null {
    for (const [name, its] of poolIds) if (its === pool) return name;
    return null;
  }

  function bookOf(service: string | null): Leases | undefined {
    return books.get(service === null ? 0 : (poolIds.get(service) ?? -1));
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
    if (books.has(pool)) return apply(pool, { kind: 'limit', limit });
    books.set(pool, createLeases(pool, limit));
    if (borrower !== null) occupy(pool, borrower);
  }

  function occupy(pool: number, its: Borrower): void {
    const { pid } = its;
    const service = nameOf(pool);
    const all = given.get(service) ?? 0;
    /** Lent, and still on its way when that was reported. */
    const underWay = Math.max(0, all - (its.lent(service) ?? all));
    const wanted = Math.max(0, its.wanted(service) - underWay);
    const now = its.held(service) + underWay;
    if (now === 0 && wanted === 0) return apply(pool, { kind: 'left', worker: pid });
    const more = now - heldBy(books.get(pool), pid);
    apply(pool, { kind: 'joined', worker: pid });
    apply(pool, { kind: 'leaving', worker: pid });
    if (more > 0) apply(pool, { kind: 'took', worker: pid, permits: more });
    else apply(pool, { kind: 'returned', worker: pid, permits: -more, recalled: false });
    if (wanted > 0) apply(pool, { kind: 'ask', worker: pid, wanted });
  }

  function answerWithin(answerMs: number): void {
    for (const [pool, book] of books) books.set(pool, { ...book, answerMs });
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
      isBorrowing = false;
      answerWithin(RECALL_MS);
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
    occupied(its) {
      borrower = its;
      for (const pool of books.keys()) occupy(pool, its);
      // A new worker may get its pid once it is gone.
      if (books.size > 0 && ![...books.values()].some((book) => book.workers.has(its.pid))) borrower = null;
      schedule();
    },
    held(service) {
      const book = bookOf(service);
      return book === undefined ? 0 : heldPermits(book);
    },
    freeze() {
      answerWithin(LOAN_MS);
      for (const [pool, book] of books) setLimit(pool, Math.min(book.limit, heldPermits(book)));
    },
    borrow() {
      isBorrowing = true;
      answerWithin(LOAN_MS);
      got.clear();
      for (const [pool, book] of books) setLimit(pool, heldPermits(book));
    },
    borrowed(service, permits) {
      const book = bookOf(service);
      if (book === undefined || !isBorrowing) return;
      got.set(service, (got.get(service) ?? 0) + permits);
      setLimit(book.pool, book.limit + permits);
      schedule();
    },
    loans(service) {
      const book = bookOf(service);
      if (book === undefined || !isBorrowing) return { wanted: 0, lent: 0 };
      setLimit(book.pool, Math.min(book.limit, heldPermits(book)));
      // Each asker wants one at least, whatever the limit was when it asked.
      const wanted = book.queue.reduce((sum, asker) => sum + Math.max(1, asker.wanted), 0);
      return { wanted, lent: got.get(service) ?? 0 };
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

/** How many permits come back with this event. */
function freedBy(book: Leases, event: LeaseEvent): number {
  if (event.kind === 'left') return heldBy(book, event.worker);
  if (event.kind !== 'returned' || !(event.permits >= 1)) return 0;
  return Math.min(Math.floor(event.permits), heldBy(book, event.worker));
}
