// Gives a worker's connections to a taker that asks for them over a channel: all that may go if this worker ends, or a share if
// it goes on. Owns the offered connections: each stays this worker's until the taker confirms it, and comes back if the taker is
// gone. Few are offered at a time, so that none stands still for long.

import type { Received } from '../../engine/channel.ts';
import type { Going, Packed } from './parcels.ts';
import { createComeback, type Offer } from './comeback.ts';
import { createDoor } from './door.ts';
import type { Giving, GivingParts } from './giving-parts.ts';
import { createSilence } from './silence.ts';
import { hasTaken, sendOffer, sendPart, takerAt, type Taker } from './taker.ts';
import { decode, PROTOCOL_VERSION } from './protocol.ts';

/** Delay before another look at connections that cannot go yet; it doubles each time up to the maximum. */
const AGAIN_MS = 10;
const AGAIN_AT_MOST_MS = 1000;
/** A taker of a share connects at once, or never. */
const COMES_MS = 5000;

export function createGiving(parts: GivingParts): Giving {
  const { channels, engine, endpoints, parcels, hasIt } = parts;
  const door = createDoor(channels);
  let taker: Taker | null = null;
  let timer: NodeJS.Timeout | null = null;
  const comeback = createComeback(engine, parcels);
  /** By the id in the offer: the engine may reuse the connection's own id. */
  const offers = new Map<number, Offer>();
  let names = 0;
  /** Released, but the channel had no room for it: the next one to offer. */
  let held: Offer | null = null;
  /** The current pass over the connections. */
  let scan: Generator<number> | null = null;
  let againMs = AGAIN_MS;
  let going: Going = 'reloaded';
  /** Connections still to give in a share, including those offered: one that comes back does not count. */
  let left = Infinity;
  const silence = createSilence(() => {
    if (going === 'all' && taker !== null && offers.size > 0) parts.kill(taker.channel.peer);
  });

  function came(): void {
    const channel = door.accept(() => receive());
    if (channel === null) return;
    // One taker at a time: it may have what is offered.
    if (taker !== null) return channel.close();
    if (going === 'share') pause();
    taker = takerAt(channel, endpoints);
  }

  /** The taker is gone or has given up: what it did not confirm is ours. */
  function leave(): void {
    taker?.channel.close();
    taker = null;
    silence.end();
    pause();
    for (const id of offers.keys()) comeBack(id, false);
    if (held !== null) goOn(held, false);
    held = null;
    if (going === 'share') return endShare();
    // Another taker may be waiting.
    came();
  }

  function endShare(): void {
    door.close();
    going = 'reloaded';
    left = Infinity;
    parts.shared();
  }

  function pause(): void {
    clearTimeout(timer ?? undefined);
    timer = scan = null;
    againMs = AGAIN_MS;
  }

  function comeBack(id: number, isRefused: boolean): void {
    const offer = offers.get(id);
    offers.delete(id);
    if (offer !== undefined) goOn(offer, isRefused);
  }

  function goOn(its: Offer, isRefused: boolean): void {
    const by = taker;
    comeback.goOn(its, (connection) => {
      if (isRefused) by?.refused.add(connection);
      hasIt([connection]);
    });
  }

  function taken(ids: readonly number[]): void {
    const gone: Packed[] = [];
    for (const id of ids) {
      const offer = offers.get(id);
      if (offer === undefined) continue;
      offers.delete(id);
      gone.push(offer.packed);
      channels.discard(offer.released.descriptors);
    }
    parcels.gone(gone);
    left -= gone.length;
    if (taker !== null && gone[0] !== undefined) hasTaken(taker, gone[0].releasedAt);
    if (taker?.isReady === false) distrust(taker);
    else offerMore();
    if (offers.size === 0 && held === null && !comeback.isOwed && engine.active === 0) parts.empty();
  }

  function offerMore(): void {
    if (taker?.isReady !== true || !door.isOpen) return;
    const { refused } = taker;
    if (held !== null && !offer(held)) return waitForRoom(held);
    held = null;
    if (timer !== null) return;
    scan ??= parcels.ready(going);
    while (offers.size < taker.room) {
      const next = offers.size < left ? scan.next() : null;
      if (next === null || next.done === true) return lookAgainLater();
      if (refused.has(next.value)) continue;
      if (!taker.named.has(parcels.leadsTo(next.value))) {
        taker.isOutdated = true;
        continue;
      }
      const release = engine.release(next.value);
      // It is not connected yet, or its preamble is not sent.
      if (!release.ok) continue;
      againMs = AGAIN_MS;
      held = { packed: parcels.pack(next.value), released: release.released };
      if (!offer(held)) return waitForRoom(held);
      held = null;
    }
  }

  /** The taker makes room by taking what is offered. If nothing is offered, the machine is short of something. */
  function waitForRoom(its: Offer): void {
    if (offers.size > 0) return;
    held = null;
    goOn(its, false);
    lookAgainLater();
  }

  /** The remaining connections cannot go yet. */
  function lookAgainLater(): void {
    scan = null;
    if (going === 'share') left = offers.size;
    if (offers.size === 0 && (left === 0 || taker?.isOutdated === true)) return leave();
    if (going === 'share') return;
    const rest = offers.size === 0 ? parcels.left(going) : 'connecting';
    if (rest !== 'connecting') parts.through(rest === 'none');
    if (engine.active === 0) return;
    timer = setTimeout(() => {
      timer = null;
      offerMore();
    }, againMs);
    againMs = Math.min(2 * againMs, AGAIN_AT_MOST_MS);
  }

  /** Offers a connection; false: the channel has no room now. */
  function offer(next: Offer): boolean {
    if (taker === null) return false;
    const id = ++names;
    const sent = sendOffer(taker, id, next);
    if (sent === 'full') return false;
    if (sent === 'too_long') {
      goOn(next, true);
    } else {
      // Also if the channel is closed: receive() will notice and take it back.
      offers.set(id, next);
      silence.begin();
    }
    return true;
  }

  function receive(): void {
    while (taker !== null) {
      const received = taker.channel.receive();
      if (received === 'nothing') return;
      if (received === 'over') return leave();
      if (received !== 'torn' && understand(taker, received)) silence.messageCame(offers.size > 0);
      else distrust(taker);
    }
  }

  /** Offers nothing more to this taker. It may hold connections that it has not confirmed: wait for those. */
  function distrust(it: Taker): void {
    it.isReady = false;
    if (held !== null) goOn(held, false);
    held = null;
    if (offers.size === 0) leave();
  }

  /** Handles a message; false: a taker does not send it, or not now. */
  function understand(it: Taker, { bytes, descriptors }: Received): boolean {
    channels.discard(descriptors);
    const message = decode(bytes)?.message;
    switch (message?.kind) {
      case 'hello':
        return message.version === PROTOCOL_VERSION && it.sent === 0 && sendPart(it);
      case 'more':
        return it.sent > 0 && sendPart(it);
      case 'go':
        it.isReady = it.sent === it.parts.length;
        offerMore();
        return it.isReady;
      case 'have':
        taken(message.ids);
        return true;
      case 'refuse':
        comeBack(message.id, true);
        offerMore();
        return true;
      case 'catalog':
      case 'offer':
      case undefined:
        return false;
    }
  }

  return {
    begin(path, which) {
      const wasShare = going === 'share';
      going = which;
      left = Infinity;
      if (wasShare) pause();
      // The share is over, but its taker may have what it was offered.
      if (wasShare && taker !== null) distrust(taker);
      return door.open(path, came);
    },
    share(path, most) {
      if (door.isOpen || offers.size > 0) return 'EBUSY';
      const error = door.open(path, came);
      if (error !== null) return error;
      going = 'share';
      left = most;
      timer = setTimeout(leave, COMES_MS).unref();
      return null;
    },
    get isBusy() {
      return offers.size > 0 || held !== null || comeback.isOwed;
    },
    stop() {
      going = 'reloaded';
      door.close();
      pause();
      if (held !== null) goOn(held, false);
      held = null;
      if (offers.size === 0) leave();
    },
  };
}
