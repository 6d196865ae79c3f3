// Gives a worker's connections to another worker, one that asks for them over a channel: all that may go, of one that ends, or a share,
// of one that goes on. Owner of those that are offered: each is this worker's until the other has said that it has it, and comes
// back when the other is gone. A few are under way at a time, so that none stands still for long.

import type { Received } from '../../engine/channel.ts';
import type { Going, Packed } from './parcels.ts';
import { createComeback, type Offer } from './comeback.ts';
import { createDoor } from './door.ts';
import type { Giving, GivingParts } from './giving-parts.ts';
import { createSilence } from './silence.ts';
import { hasTaken, sendOffer, sendPart, takerAt, type Taker } from './taker.ts';
import { decode, PROTOCOL_VERSION } from './protocol.ts';

/** Connections that cannot go yet are looked at again after so long, and if there are still some ever less often. */
const AGAIN_MS = 10;
const AGAIN_AT_MOST_MS = 1000;
/** Who is to take a share comes at once, or not at all. */
const COMES_MS = 5000;

export function createGiving(parts: GivingParts): Giving {
  const { channels, engine, endpoints, parcels, hasIt } = parts;
  const door = createDoor(channels);
  let taker: Taker | null = null;
  let timer: NodeJS.Timeout | null = null;
  const comeback = createComeback(engine, parcels);
  /** By what they are called in the offer: the engine may give their ids to others meanwhile. */
  const offers = new Map<number, Offer>();
  let names = 0;
  /** Released, and too much for what the channel has room for: the next one to be offered. */
  let held: Offer | null = null;
  /** Goes on where it found the last one. */
  let scan: Generator<number> | null = null;
  let againMs = AGAIN_MS;
  let going: Going = 'reloaded';
  /** Of a share. */
  let left = Infinity;
  const silence = createSilence(() => {
    if (going === 'all' && taker !== null && offers.size > 0) parts.kill(taker.channel.peer);
  });

  function came(): void {
    const channel = door.accept(() => receive());
    if (channel === null) return;
    // While one is there, nobody else: it may have what is offered.
    if (taker !== null) return channel.close();
    if (going === 'share') pause();
    taker = takerAt(channel, endpoints);
  }

  /** The other worker is gone, or has given up: what it did not say that it has is ours. */
  function leave(): void {
    taker?.channel.close();
    taker = null;
    silence.end();
    pause();
    for (const id of offers.keys()) comeBack(id, false);
    if (held !== null) goOn(held, false);
    held = null;
    if (going === 'share') return endShare();
    // Another may have waited for its turn.
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
      const next = left > 0 ? scan.next() : null;
      if (next === null || next.done === true) return lookAgainLater();
      if (refused.has(next.value)) continue;
      if (!taker.named.has(parcels.leadsTo(next.value))) {
        taker.isOutdated = true;
        continue;
      }
      const release = engine.release(next.value);
      // It is not connected yet, or its preamble waits.
      if (!release.ok) continue;
      againMs = AGAIN_MS;
      left--;
      held = { packed: parcels.pack(next.value), released: release.released };
      if (!offer(held)) return waitForRoom(held);
      held = null;
    }
  }

  /** It makes room by taking what is offered. Where nothing is, this machine is short of something. */
  function waitForRoom(its: Offer): void {
    if (offers.size > 0) return;
    held = null;
    goOn(its, false);
    lookAgainLater();
  }

  /** What is left cannot go yet. */
  function lookAgainLater(): void {
    scan = null;
    if (going === 'share') left = 0;
    if (offers.size === 0 && (left === 0 || taker?.isOutdated === true)) return leave();
    if (left === 0) return;
    if (offers.size === 0 && !parcels.isConnecting(going)) parts.through();
    if (engine.active === 0) return;
    timer = setTimeout(() => {
      timer = null;
      offerMore();
    }, againMs);
    againMs = Math.min(2 * againMs, AGAIN_AT_MOST_MS);
  }

  /** False: the channel has no room for it now. */
  function offer(next: Offer): boolean {
    if (taker === null) return false;
    const id = ++names;
    const sent = sendOffer(taker, id, next);
    if (sent === 'full') return false;
    if (sent === 'too_long') {
      goOn(next, true);
    } else {
      // Also when it is over: receive() finds that out, and takes it back.
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

  /** It is offered nothing more. It may have what is offered, and not have said so yet: that is waited for. */
  function distrust(it: Taker): void {
    it.isReady = false;
    if (held !== null) goOn(held, false);
    held = null;
    if (offers.size === 0) leave();
  }

  /** False: it is no message that a taker sends, or not now. */
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
      // Its place is another's now; it may have what it was offered.
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
