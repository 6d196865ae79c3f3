// Who holds how many of the connection permits that all workers share. This is the primary's half of one limit for the whole
// instance; lib/worker/admission/permits.ts is the other. Pure: messages in, messages out.
//
// A permit counts as granted from the moment it is sent until its `returned` arrives or the worker is gone. Whatever is delayed
// or lost on the way, the workers together never hold more than the limit.
//
// If none is free, every worker that may hold idle permits is asked to return them. The asker gets its answer when all of them
// have answered or are gone, or after RECALL_MS; while another process may lend some, after LOAN_MS. A worker that got none keeps
// its place in the queue and is served when permits come back; no other worker is served twice before it.

import type { ToWorker } from '../../ipc/messages.ts';
import { unreachable } from '../../unreachable.ts';

interface Lease {
  readonly granted: number;
  /** The worker takes no more clients and has returned its idle permits, so it does not count for the sharing of free ones. */
  readonly leaving: boolean;
  /** The worker may hold idle permits: it got some since its last recall (a recalled worker keeps none idle). */
  readonly mayIdle: boolean;
  /** When the recall that is still unanswered was sent. */
  readonly recalledAt: number | null;
}

interface Asker {
  readonly worker: number;
  readonly wanted: number;
  /** When the wait for an answer began; null once the worker was told that there is none. */
  readonly since: number | null;
}

export interface Leases {
  readonly pool: number;
  readonly limit: number;
  /** How long an answer waits at most. */
  readonly answerMs: number;
  readonly workers: ReadonlyMap<number, Lease>;
  /** First come, first served. */
  readonly queue: readonly Asker[];
}

export type LeaseEvent =
  | { readonly kind: 'joined'; readonly worker: number }
  /** The worker was told to take no more clients. */
  | { readonly kind: 'leaving'; readonly worker: number }
  /** The process is gone, with all its connections. */
  | { readonly kind: 'left'; readonly worker: number }
  | { readonly kind: 'ask'; readonly worker: number; readonly wanted: number }
  | { readonly kind: 'returned'; readonly worker: number; readonly permits: number; readonly recalled: boolean }
  /** The worker took over clients that another worker admitted; that worker returns their permits soon. */
  | { readonly kind: 'took'; readonly worker: number; readonly permits: number }
  | { readonly kind: 'limit'; readonly limit: number }
  /** Due after deadline(). */
  | { readonly kind: 'tick' };

export interface Letter {
  readonly worker: number;
  readonly message: Extract<ToWorker, { kind: 'permits' | 'recall' }>;
}

/** How long an answer waits for workers that do not return their permits: they are busy for a moment, or hung. */
export const RECALL_MS = 200;
/** The same for a process that may lend permits. It hears within 200 ms that some are wanted. */
export const LOAN_MS = 1000;
/** The most that one `took` may claim; a worker has fewer descriptors. */
const MOST_TAKEN = 1_000_000;

/** No workers, all permits free. */
export function createLeases(pool: number, limit: number): Leases {
  return { pool, limit, answerMs: RECALL_MS, workers: new Map(), queue: [] };
}

/** Applies one event. Send the letters in this order. */
export function step(leases: Leases, event: LeaseEvent, now: number): { state: Leases; send: Letter[] } {
  const draft = new Draft(leases);
  draft.apply(event, now);
  draft.deal();
  draft.recall(now);
  draft.answer(now);
  return { state: draft.state(), send: draft.send };
}

/** Permits that one worker holds, as far as the primary knows. */
export function heldBy(leases: Leases | undefined, worker: number): number {
  return leases?.workers.get(worker)?.granted ?? 0;
}

/** Permits that all workers hold, as far as the primary knows: never fewer than they really hold. */
export function heldPermits(leases: Pick<Leases, 'workers'>): number {
  let sum = 0;
  for (const lease of leases.workers.values()) sum += lease.granted;
  return sum;
}

/** Ms until a `tick` is due because a recall may go unanswered; null if none is. */
export function deadline(leases: Leases, now: number): number | null {
  let soonest = Infinity;
  for (const asker of leases.queue) {
    if (asker.since !== null) soonest = Math.min(soonest, asker.since + leases.answerMs - now);
  }
  return soonest === Infinity ? null : Math.max(0, soonest);
}

/** The working copy of one step, and the letters that it writes. */
class Draft {
  readonly send: Letter[] = [];
  readonly #given: Leases;
  #limit: number;
  readonly #workers: Map<number, Lease>;
  #queue: Asker[];

  constructor(given: Leases) {
    this.#given = given;
    this.#limit = given.limit;
    this.#workers = new Map(given.workers);
    this.#queue = [...given.queue];
  }

  state(): Leases {
    return { ...this.#given, limit: this.#limit, workers: this.#workers, queue: this.#queue };
  }

  apply(event: LeaseEvent, now: number): void {
    switch (event.kind) {
      case 'joined':
        if (!this.#workers.has(event.worker)) {
          this.#workers.set(event.worker, { granted: 0, leaving: false, mayIdle: false, recalledAt: null });
        }
        return;
      case 'leaving': {
        const lease = this.#workers.get(event.worker);
        if (lease !== undefined) this.#workers.set(event.worker, { ...lease, leaving: true });
        return;
      }
      case 'left':
        this.#workers.delete(event.worker);
        this.#queue = this.#queue.filter((asker) => asker.worker !== event.worker);
        return;
      case 'ask':
        this.#asked(event.worker, event.wanted, now);
        return;
      case 'returned':
        this.#returned(event.worker, event.permits, event.recalled);
        return;
      case 'took':
        this.#took(event.worker, event.permits);
        return;
      case 'limit':
        this.#limit = event.limit;
        return;
      case 'tick':
        return;
      default:
        unreachable(event);
    }
  }

  /** Serves the queue from the free permits, each worker by need, but leaves something for everyone. */
  deal(): void {
    for (let asker = this.#queue[0]; asker !== undefined && this.#free() > 0; asker = this.#queue[0]) {
      const share = Math.max(1, Math.floor(this.#free() / this.#queue.length));
      this.#queue.shift();
      this.#grant(asker.worker, Math.min(asker.wanted, share));
    }
  }

  /** Recalls idle permits while a worker waits for one, or while more are granted than a lowered limit allows. */
  recall(now: number): void {
    const over = this.#free() < 0;
    // A worker that waits for an answer had no idle permit when it asked.
    const waiting = new Set(this.#queue.filter((asker) => asker.since !== null).map((asker) => asker.worker));
    if (!over && waiting.size === 0) return;
    for (const [worker, lease] of this.#workers) {
      if (!lease.mayIdle || lease.granted === 0 || lease.recalledAt !== null) continue;
      if (waiting.has(worker) && !over) continue;
      this.#workers.set(worker, { ...lease, mayIdle: false, recalledAt: now });
      this.send.push({ worker, message: { kind: 'recall', pool: this.#given.pool } });
    }
  }

  /** Tells waiting workers that there is none, once neither a recall nor a loan can bring more. */
  answer(now: number): void {
    const open = (lease: Lease) => lease.recalledAt !== null && now < lease.recalledAt + RECALL_MS;
    const { answerMs } = this.#given;
    const hope = answerMs > RECALL_MS || [...this.#workers.values()].some(open);
    this.#queue = this.#queue.map((asker) => {
      if (asker.since === null || (hope && now < asker.since + answerMs)) return asker;
      this.#answerNone(asker.worker);
      return { ...asker, since: null };
    });
  }

  #asked(worker: number, wanted: number, now: number): void {
    const lease = this.#workers.get(worker);
    if (lease === undefined) return;
    if (!(wanted >= 1)) {
      // Asked ahead of need: grant only while there is plenty, never at another worker's expense.
      if (this.#queue.length === 0 && this.#free() > 0) this.#grant(worker, 1);
      else this.#answerNone(worker);
      return;
    }
    const asker = { worker, wanted: Math.min(Math.floor(wanted), this.#limit), since: now };
    const place = this.#queue.findIndex((other) => other.worker === worker);
    if (place === -1) this.#queue.push(asker);
    else this.#queue[place] = asker;
  }

  #returned(worker: number, permits: number, recalled: boolean): void {
    const lease = this.#workers.get(worker);
    if (lease === undefined) return;
    const given = permits >= 1 ? Math.min(Math.floor(permits), lease.granted) : 0;
    const recalledAt = recalled ? null : lease.recalledAt;
    this.#workers.set(worker, { ...lease, granted: lease.granted - given, recalledAt });
  }

  /** Records permits that nobody asked for: they are in use, and count twice until the other worker returns its own. */
  #took(worker: number, permits: number): void {
    const lease = this.#workers.get(worker);
    if (lease === undefined || !(permits >= 1)) return;
    // This may exceed a limit that was lowered.
    const granted = lease.granted + Math.min(Math.floor(permits), MOST_TAKEN);
    this.#workers.set(worker, { ...lease, granted, mayIdle: true });
  }

  #grant(worker: number, wanted: number): void {
    const lease = this.#workers.get(worker);
    if (lease === undefined) return;
    const crowd = this.#staying();
    // Grant in batches, so that a busy worker asks seldom. Near the limit they shrink, so that few must be recalled.
    const batch = Math.min(Math.floor(this.#limit / (8 * crowd)), Math.floor(this.#free() / (2 * crowd)));
    const granted = Math.min(this.#free(), Math.max(wanted, batch, 1));
    this.#workers.set(worker, { ...lease, granted: lease.granted + granted, mayIdle: true });
    const thrifty = this.#queue.length > 0 || this.#free() < crowd;
    this.send.push({ worker, message: { kind: 'permits', pool: this.#given.pool, granted, thrifty } });
  }

  #answerNone(worker: number): void {
    this.send.push({ worker, message: { kind: 'permits', pool: this.#given.pool, granted: 0, thrifty: true } });
  }

  /** The workers that share what is free. At least 1: an asker may be leaving without the primary knowing it. */
  #staying(): number {
    let count = 0;
    for (const { leaving } of this.#workers.values()) if (!leaving) count++;
    return Math.max(1, count);
  }

  #free(): number {
    return this.#limit - heldPermits({ workers: this.#workers });
  }
}
