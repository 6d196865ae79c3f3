// How many clients this worker may still take: its half (lib/primary/limits/leases.ts is the other) of one limit for all
// workers. Owned and changed by the policy; the hot path allocates nothing. Messages go out through `send`.
//
// A worker admits a client only while it holds an idle permit. It asks ahead of need while there is plenty, and
// when none is left it holds the client for the one round trip that the primary takes to find one elsewhere. While permits
// are short (`thrifty`) freed ones go back at once, so that no worker serves its clients before another's.

import type { ToPrimary, ToWorker } from '../../ipc/messages.ts';

export type Send = (message: Extract<ToPrimary, { kind: 'ask' | 'returned' | 'took' }>) => void;

export interface Permits {
  readonly pool: number;
  readonly send: Send;
  /** Clients that may be held at once; each costs a file descriptor. */
  readonly maxWaiting: number;
  /** Some who use it are patient: a permit that nobody here takes at once may be what another worker's client waits for. */
  readonly queues: boolean;
  granted: number;
  /** Of those granted. */
  used: number;
  /** Clients held until the ask under way is answered … */
  waiting: number;
  /** … and of these those that wait on when the answer is that there is none. */
  patient: number;
  /** `early`: ahead of need, `needed`: a client waits. */
  asking: 'no' | 'early' | 'needed';
  askedAt: number;
  lastGrant: number;
  thrifty: boolean;
  /** The primary has none: clients are refused without asking until then (same clock as `now`). */
  refuseUntil: number;
  draining: boolean;
  /** Clients that have come from another worker, of which the primary does not know yet. */
  unreported: number;
}

/**
 * What to do with the clients held for this pool, longest wait first: `admitted` have their permit, then of those that are not
 * patient `refused` get none. Whoever knows which are patient says so of those admitted with wasPatient().
 */
export interface Verdict {
  readonly admitted: number;
  readonly refused: number;
}

/** After a `none`, this long passes before the primary is asked again: a hundred asks a second, however many are refused. */
export const REFUSE_MS = 10;
/** An ask that is not answered for so long is given up, and the clients with it: the primary hangs. */
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
 * A client is here: `yes` takes a permit (give it back with release()), `wait` holds the client until a Verdict counts it. One that is
 * patient is not refused because there is none: the primary has noted that this worker wants one, and grants it when there is.
 */
export function admit(permits: Permits, now: number, patient = false): 'yes' | 'no' | 'wait' {
  if (hasIdle(permits)) {
    permits.used++;
    const plenty = permits.granted - permits.used > permits.lastGrant >> 1;
    if (!plenty && permits.asking === 'no' && !permits.thrifty && !permits.draining) ask(permits, now);
    return 'yes';
  }
  if (permits.waiting >= permits.maxWaiting) return 'no';
  if (!patient && permits.asking === 'no' && now < permits.refuseUntil) return 'no';
  permits.waiting++;
  if (patient) permits.patient++;
  // Else a permit freed meanwhile would lie idle here, where the primary does not look for it.
  permits.thrifty = true;
  if (permits.asking === 'no') ask(permits, now);
  return 'wait';
}

/** The next client gets one at once. */
export function hasIdle(permits: Permits): boolean {
  return permits.granted > permits.used;
}

/** Admitted clients are gone. */
export function release(permits: Permits, clients = 1): void {
  permits.used -= clients;
  if (permits.thrifty || permits.draining) giveBack(permits, clients, false);
}

/** Admitted clients are another worker's, which has told the primary of their permits: these are nobody's to be kept. */
export function movedAway(permits: Permits, clients: number): void {
  permits.used -= clients;
  giveBack(permits, clients, false);
}

/** A client is here that another worker has admitted: it has its permit, however many there are. */
export function arrived(permits: Permits): void {
  permits.granted++;
  permits.used++;
  permits.unreported++;
}

/** Says how many have arrived since the last time. */
export function reportArrived(permits: Permits): void {
  if (permits.unreported > 0) permits.send({ kind: 'took', pool: permits.pool, permits: permits.unreported });
  permits.unreported = 0;
}

/** A client that was told `wait` waits no longer: it has gone by itself, or has waited long enough. */
export function gaveUp(permits: Permits, patient = false): void {
  permits.waiting--;
  if (patient) permits.patient--;
}

/** The primary's `permits`. */
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
  // Whoever it was for may have gone, and the primary does not look for one here while those who wait elsewhere do not ask again.
  const isUnclaimed = permits.queues && permits.thrifty;
  if (isUnclaimed || permits.draining) giveBack(permits, permits.granted - permits.used, false);
  return askFor(permits, { admitted, refused: 0 }, now);
}

/** The primary's `recall`: another worker has none left. */
export function recalled(permits: Permits): void {
  permits.thrifty = true;
  giveBack(permits, permits.granted - permits.used, true);
}

/** The worker takes no more clients: idle permits go back now, the others as their clients leave. Those held still get theirs. */
export function drainPermits(permits: Permits): void {
  permits.draining = true;
  giveBack(permits, permits.granted - permits.used, false);
}

/** One of those admitted was patient. */
export function wasPatient(permits: Permits): void {
  permits.patient--;
}

/** To be called about once a second: gives up an ask that the primary does not answer, and asks again for those who are patient. */
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

/** Asks for those who are still held. */
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
