// This worker's half of one limit for all workers: how many clients it may still take. The other half is
// lib/primary/limits/leases.ts. Owned and changed by the policy; the hot path allocates nothing. Messages go out through `send`.
//
// A worker admits a client only while it holds an idle permit. It asks ahead of need while there is plenty. When none is left it
// holds the client for the one round trip that the primary takes to find a permit elsewhere. While permits are short (`thrifty`)
// freed ones go back at once, so that no worker serves its clients before another's.

import type { ToPrimary, ToWorker } from '../../ipc/messages.ts';

export type Send = (message: Extract<ToPrimary, { kind: 'ask' | 'returned' | 'took' }>) => void;

export interface Permits {
  readonly pool: number;
  readonly send: Send;
  /** Most clients held at once; each costs a file descriptor. */
  readonly maxWaiting: number;
  /** Some of its clients are patient: another worker's client may be waiting for a permit that is idle here. */
  readonly queues: boolean;
  granted: number;
  /** How many of the granted ones are used. */
  used: number;
  /** Clients held until the pending ask is answered. */
  waiting: number;
  /** Those of them that keep waiting when the answer is that there is none. */
  patient: number;
  /** `early`: ahead of need. `needed`: a client waits. */
  asking: 'no' | 'early' | 'needed';
  askedAt: number;
  lastGrant: number;
  thrifty: boolean;
  /** The primary has none: refuse clients without asking until then (same clock as `now`). */
  refuseUntil: number;
  draining: boolean;
  /** Clients that arrived from another worker and were not reported to the primary yet. */
  unreported: number;
}

/**
 * What to do with the clients held for this pool, longest wait first: `admitted` of them get their permit, and `refused` of the
 * impatient ones get none. The caller knows which clients are patient and calls wasPatient() for each such client admitted.
 */
export interface Verdict {
  readonly admitted: number;
  readonly refused: number;
}

/** Pause after the primary had none: at most a hundred asks a second, however many clients are refused. */
export const REFUSE_MS = 10;
/** The primary hangs if an ask goes unanswered this long: give up the ask, and refuse the clients. */
export const ASK_MS = 2000;

const NOBODY: Verdict = { admitted: 0, refused: 0 };

/** Opens a pool and asks for a first batch. */
export function openPermits(pool: number, send: Send, now: number, maxWaiting = 1024, queues = false): Permits {
  const permits: Permits = {
    pool,
    send,
    maxWaiting,
    queues,
    granted: 0,
    used: 0,
    waiting: 0,
    patient: 0,
    asking: 'no',
    askedAt: 0,
    lastGrant: 0,
    thrifty: false,
    refuseUntil: -Infinity,
    draining: false,
    unreported: 0,
  };
  ask(permits, now);
  return permits;
}

/**
 * Admits a client: `yes` takes a permit (give it back with release()), `wait` holds the client until a Verdict counts it. A
 * patient client is not refused for lack of permits: the primary has noted the ask and grants one when there is one.
 */
export function admit(permits: Permits, now: number, patient = false): 'yes' | 'no' | 'wait' {
  if (hasIdle(permits)) {
    permits.used++;
    const plenty = permits.granted - permits.used > permits.lastGrant >> 1;
    if (!plenty && permits.asking === 'no' && !permits.thrifty && !permits.draining) ask(permits, now);
    return 'yes';
  }
  if (!mayHold(permits)) return 'no';
  if (!patient && permits.asking === 'no' && now < permits.refuseUntil) return 'no';
  permits.waiting++;
  if (patient) permits.patient++;
  // Else a permit freed in the meantime would stay idle here, where the primary does not look for it.
  permits.thrifty = true;
  if (permits.asking === 'no') ask(permits, now);
  return 'wait';
}

/** Whether the next client gets a permit at once. */
export function hasIdle(permits: Permits): boolean {
  return permits.granted > permits.used;
}

/** Whether one more client may be held for a permit. */
export function mayHold(permits: Permits): boolean {
  return permits.waiting < permits.maxWaiting;
}

/** Frees the permits of admitted clients that are gone. */
export function release(permits: Permits, clients = 1): void {
  permits.used -= clients;
  if (permits.thrifty || permits.draining) giveBack(permits, clients, false);
}

/** Returns the permits of admitted clients that another worker has taken and reported. */
export function movedAway(permits: Permits, clients: number): void {
  permits.used -= clients;
  giveBack(permits, clients, false);
}

/** Counts a client that another worker admitted, whatever the limit. */
export function arrived(permits: Permits): void {
  permits.granted++;
  permits.used++;
  permits.unreported++;
}

/** Reports how many clients have arrived since the last call. */
export function reportArrived(permits: Permits): void {
  if (permits.unreported > 0) permits.send({ kind: 'took', pool: permits.pool, permits: permits.unreported });
  permits.unreported = 0;
}

/** Ends the wait of a client that got `wait`: it went away, or its time is over. */
export function gaveUp(permits: Permits, patient = false): void {
  permits.waiting--;
  if (patient) permits.patient--;
}

/** Handles the primary's `permits`. */
export function granted(permits: Permits, message: Extract<ToWorker, { kind: 'permits' }>, now: number): Verdict {
  const asked = permits.asking;
  permits.asking = 'no';
  if (message.granted === 0) {
    permits.thrifty = true;
    return asked === 'needed' ? refuseAll(permits, now) : askFor(permits, NOBODY, now);
  }
  permits.granted += message.granted;
  permits.lastGrant = message.granted;
  permits.thrifty = message.thrifty;
  permits.refuseUntil = -Infinity;
  const admitted = Math.min(permits.waiting, permits.granted - permits.used);
  permits.waiting -= admitted;
  permits.used += admitted;
  // The client that it was for may have gone. The primary does not look here for a permit while clients elsewhere wait silently.
  const isUnclaimed = permits.queues && permits.thrifty;
  if (isUnclaimed || permits.draining) giveBack(permits, permits.granted - permits.used, false);
  return askFor(permits, { admitted, refused: 0 }, now);
}

/** Handles the primary's `recall`: another worker has none left. */
export function recalled(permits: Permits): void {
  permits.thrifty = true;
  giveBack(permits, permits.granted - permits.used, true);
}

/** The worker takes no more clients: gives back idle permits now, the others as clients leave. Held clients still get theirs. */
export function drainPermits(permits: Permits): void {
  permits.draining = true;
  giveBack(permits, permits.granted - permits.used, false);
}

/** One of the held clients waits on from now on, whatever the answer is. */
export function becamePatient(permits: Permits): void {
  permits.patient++;
}

/** One of the admitted clients was patient. */
export function wasPatient(permits: Permits): void {
  permits.patient--;
}

/** Call about once a second: gives up an ask that the primary does not answer, and asks again for the patient clients. */
export function expire(permits: Permits, now: number): Verdict {
  if (now < permits.askedAt + ASK_MS) return NOBODY;
  const verdict = permits.asking === 'no' ? NOBODY : refuseAll(permits, now);
  permits.asking = 'no';
  return permits.patient > 0 ? askFor(permits, verdict, now) : verdict;
}

function ask(permits: Permits, now: number): void {
  permits.asking = permits.waiting > 0 ? 'needed' : 'early';
  permits.askedAt = now;
  permits.send({ kind: 'ask', pool: permits.pool, wanted: permits.waiting });
}

/** Asks for the clients that are still held. */
function askFor(permits: Permits, verdict: Verdict, now: number): Verdict {
  if (permits.waiting > 0) {
    permits.thrifty = true;
    ask(permits, now);
  }
  return verdict;
}

function refuseAll(permits: Permits, now: number): Verdict {
  const refused = permits.waiting - permits.patient;
  permits.waiting = permits.patient;
  permits.refuseUntil = now + REFUSE_MS;
  return { admitted: 0, refused };
}

function giveBack(permits: Permits, count: number, asRecalled: boolean): void {
  permits.granted -= count;
  if (count > 0 || asRecalled)
    permits.send({ kind: 'returned', pool: permits.pool, permits: count, recalled: asRecalled });
}
