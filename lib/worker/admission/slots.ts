// How many clients this worker may still take: its half (lib/primary/limits/leases.ts is the other) of one limit for all
// workers. Owned and changed by the policy; the hot path allocates nothing. Messages go out through `send`.
//
// A worker admits a client only while it holds an idle slot. It asks ahead of need while there is plenty, and
// when none is left it holds the client for the one round trip that the primary takes to find one elsewhere. While slots
// are short (`thrifty`) freed ones go back at once, so that no worker serves its clients before another's.

import type { ToPrimary, ToWorker } from '../../ipc/messages.ts';

export type Send = (message: Extract<ToPrimary, { kind: 'ask' | 'returned' }>) => void;

export interface Slots {
  readonly pool: number;
  readonly send: Send;
  /** Clients that may be held at once; each costs a file descriptor. */
  readonly maxWaiting: number;
  granted: number;
  /** Of those granted. */
  used: number;
  /** Clients held until the ask under way is answered. */
  waiting: number;
  /** `early`: ahead of need, `needed`: a client waits. */
  asking: 'no' | 'early' | 'needed';
  askedAt: number;
  lastGrant: number;
  thrifty: boolean;
  /** The primary has none: clients are refused without asking until then (same clock as `now`). */
  refuseUntil: number;
  draining: boolean;
}

/** What to do with the clients held for this pool, longest wait first: `admitted` have their slot, then `refused` get none. */
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
export function openSlots(pool: number, send: Send, now: number, maxWaiting = 1024): Slots {
  const slots: Slots = {
    pool,
    send,
    maxWaiting,
    granted: 0,
    used: 0,
    waiting: 0,
    asking: 'no',
    askedAt: 0,
    lastGrant: 0,
    thrifty: false,
    refuseUntil: -Infinity,
    draining: false,
  };
  ask(slots, now);
  return slots;
}

/** A client is here: `yes` takes a slot (give it back with release()), `wait` holds the client until a Verdict counts it. */
export function admit(slots: Slots, now: number): 'yes' | 'no' | 'wait' {
  if (slots.granted > slots.used) {
    slots.used++;
    const plenty = slots.granted - slots.used > slots.lastGrant >> 1;
    if (!plenty && slots.asking === 'no' && !slots.thrifty && !slots.draining) ask(slots, now);
    return 'yes';
  }
  if (slots.waiting >= slots.maxWaiting || (slots.asking === 'no' && now < slots.refuseUntil)) return 'no';
  slots.waiting++;
  // Else a slot freed meanwhile would lie idle here, where the primary does not look for it.
  slots.thrifty = true;
  if (slots.asking === 'no') ask(slots, now);
  return 'wait';
}

/** An admitted client is gone. */
export function release(slots: Slots): void {
  slots.used--;
  if (slots.thrifty || slots.draining) giveBack(slots, 1, false);
}

/** A client that was told `wait` has gone by itself. */
export function gaveUp(slots: Slots): void {
  slots.waiting--;
}

/** The primary's `slots`. */
export function granted(slots: Slots, message: Extract<ToWorker, { kind: 'slots' }>, now: number): Verdict {
  const asked = slots.asking;
  slots.asking = 'no';
  if (message.granted === 0) {
    slots.thrifty = true;
    return asked === 'needed' ? refuseAll(slots, now) : askFor(slots, NOBODY, now);
  }
  slots.granted += message.granted;
  slots.lastGrant = message.granted;
  slots.thrifty = message.thrifty;
  slots.refuseUntil = -Infinity;
  const admitted = Math.min(slots.waiting, slots.granted - slots.used);
  slots.waiting -= admitted;
  slots.used += admitted;
  if (slots.draining) giveBack(slots, slots.granted - slots.used, false);
  return askFor(slots, { admitted, refused: 0 }, now);
}

/** The primary's `recall`: another worker has none left. */
export function recalled(slots: Slots): void {
  slots.thrifty = true;
  giveBack(slots, slots.granted - slots.used, true);
}

/** The worker takes no more clients: idle slots go back now, the others as their clients leave. Those held still get theirs. */
export function drainSlots(slots: Slots): void {
  slots.draining = true;
  giveBack(slots, slots.granted - slots.used, false);
}

/** To be called about once a second: gives up an ask that the primary does not answer. */
export function expire(slots: Slots, now: number): Verdict {
  if (slots.asking === 'no' || now < slots.askedAt + ASK_MS) return NOBODY;
  slots.asking = 'no';
  return refuseAll(slots, now);
}

function ask(slots: Slots, now: number): void {
  slots.asking = slots.waiting > 0 ? 'needed' : 'early';
  slots.askedAt = now;
  slots.send({ kind: 'ask', pool: slots.pool, wanted: slots.waiting });
}

/** Asks for those who are still held. */
function askFor(slots: Slots, verdict: Verdict, now: number): Verdict {
  if (slots.waiting > 0) {
    slots.thrifty = true;
    ask(slots, now);
  }
  return verdict;
}

function refuseAll(slots: Slots, now: number): Verdict {
  const refused = slots.waiting;
  slots.waiting = 0;
  slots.refuseUntil = now + REFUSE_MS;
  return { admitted: 0, refused };
}

function giveBack(slots: Slots, count: number, asRecalled: boolean): void {
  slots.granted -= count;
  if (count > 0 || asRecalled) slots.send({ kind: 'returned', pool: slots.pool, slots: count, recalled: asRecalled });
}
