// Gives a draining worker's connections to another worker, one that asks for them over a channel. Owner of those that are offered:
// each is this worker's until the other has said that it has it, and comes back when the other is gone. A few are under way
// at a time, so that none stands still for long.

import type { ChannelListener, Channels, Received } from '../../engine/channel.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Endpoints } from '../balance/endpoints.ts';
import type { Packed, Parcels } from './parcels.ts';
import { createComeback, type Offer } from './comeback.ts';
import { sendPart, takerAt, type Taker } from './taker.ts';
import { decode, encode, PROTOCOL_VERSION } from './protocol.ts';

/** Offered at a time. */
const MOST_OFFERED = 32;
/** Connections that cannot go yet are looked at again after so long, and if there are still some ever less often. */
const AGAIN_MS = 10;
const AGAIN_AT_MOST_MS = 1000;

export interface Giving {
  /**
   * From now on whoever comes to `path` is offered what is there; `all`: also what a reload leaves with its worker. Returns why that
   * cannot be, by errno name, or null.
   */
  begin(path: string, all: boolean): string | null;
  /** Connections are offered: neither the engine's nor over. */
  readonly isBusy: boolean;
  /** Offers nothing more. What is offered is waited for. */
  stop(): void;
}

export interface GivingParts {
  readonly channels: Channels;
  readonly engine: Pick<Engine, 'release' | 'adopt' | 'active'>;
  readonly endpoints: Pick<Endpoints, 'services' | 'all'>;
  readonly parcels: Parcels;
  /** These go on here: what was done to all meanwhile is to be done to them. */
  readonly hasIt: (connections: readonly number[]) => void;
  /** All that could go have gone, for now. */
  readonly through: () => void;
  /** Neither the engine nor anybody's offer has a connection of this worker. */
  readonly empty: () => void;
}

export function createGiving({ channels, engine, endpoints, parcels, hasIt, through, empty }: GivingParts): Giving {
  let listener: ChannelListener | null = null;
  let taker: Taker | null = null;
  let timer: NodeJS.Timeout | null = null;
  const comeback = createComeback(engine, parcels);
  /** By the ids that they had here. */
  const offers = new Map<number, Offer>();
  /** Released, and too much for what the channel has room for: the next one to be offered. */
  let held: Offer | null = null;
  /** Goes on where it found the last one. */
  let scan: Generator<number> | null = null;
  let againMs = AGAIN_MS;
  let isForAll = false;

  function came(): void {
    const channel = listener?.accept(() => receive()) ?? null;
    if (channel === null) return;
    // While one is there, nobody else: it may have what is offered.
    if (taker !== null) return channel.close();
    taker = takerAt(channel, endpoints);
  }

  /** The other worker is gone, or has given up: what it did not say that it has is ours. */
  function left(): void {
    taker?.channel.close();
    taker = null;
    pause();
    for (const id of offers.keys()) comeBack(id);
    if (held !== null) goOn(held);
    held = null;
    // Another may have waited for its turn.
    came();
  }

  function pause(): void {
    clearTimeout(timer ?? undefined);
    timer = scan = null;
    againMs = AGAIN_MS;
  }

  function comeBack(id: number): void {
    const offer = offers.get(id);
    offers.delete(id);
    if (offer !== undefined) goOn(offer);
  }

  function goOn(its: Offer): void {
    const wasRefused = taker?.refused.delete(its.packed.parcel.id) === true;
    comeback.goOn(its, (connection) => {
      // Under its new id it is what was refused.
      if (wasRefused) taker?.refused.add(connection);
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
    if (taker?.isReady === false) distrust(taker);
    else offerMore();
    finishIfEmpty();
  }

  function finishIfEmpty(): void {
    if (offers.size === 0 && held === null && !comeback.isOwed && engine.active === 0) empty();
  }

  function offerMore(): void {
    if (taker?.isReady !== true || listener === null) return;
    const { refused } = taker;
    if (held !== null && !offer(held)) return waitForRoom(held);
    held = null;
    if (timer !== null) return;
    scan ??= parcels.ready(isForAll);
    while (offers.size < MOST_OFFERED) {
      const next = scan.next();
      if (next.done === true) return lookAgainLater();
      if (refused.has(next.value)) continue;
      if (!taker.named.has(parcels.leadsTo(next.value))) {
        taker.isOutdated = true;
        continue;
      }
      const release = engine.release(next.value);
      // It is not connected yet, or its preamble waits.
      if (!release.ok) continue;
      againMs = AGAIN_MS;
      held = { packed: parcels.pack(next.value), released: release.released };
      if (!offer(held)) return waitForRoom(held);
      held = null;
    }
  }

  /** It makes room by taking what is offered. Where nothing is, this machine is short of something. */
  function waitForRoom(its: Offer): void {
    if (offers.size > 0) return;
    held = null;
    goOn(its);
    lookAgainLater();
  }

  /** What is left cannot go yet. */
  function lookAgainLater(): void {
    scan = null;
    if (offers.size === 0 && taker?.isOutdated === true) return left();
    if (offers.size === 0 && !parcels.isConnecting(isForAll)) through();
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
    const { record, descriptors } = next.released;
    switch (taker.channel.send(encode({ kind: 'offer', ...next.packed.parcel }, record), descriptors)) {
      case 'sent':
      case 'over': // receive() finds that out, too, and takes it back
        offers.set(next.packed.parcel.id, next);
        return true;
      case 'full':
        return false;
      case 'too_long':
        taker.refused.add(next.packed.parcel.id);
        goOn(next);
        return true;
    }
  }

  function receive(): void {
    while (taker !== null) {
      const received = taker.channel.receive();
      if (received === 'nothing') return;
      if (received === 'over') return left();
      if (received !== 'torn' && understand(taker, received)) continue;
      distrust(taker);
    }
  }

  /** It is offered nothing more. It may have what is offered, and not have said so yet: that is waited for. */
  function distrust(it: Taker): void {
    it.isReady = false;
    if (held !== null) goOn(held);
    held = null;
    if (offers.size === 0) left();
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
        it.refused.add(message.id);
        comeBack(message.id);
        offerMore();
        return true;
      case 'catalog':
      case 'offer':
      case undefined:
        return false;
    }
  }

  return {
    begin(path, all) {
      isForAll = all;
      try {
        listener ??= channels.listen(path, came);
        return null;
      } catch (error) {
        return error instanceof Error && 'code' in error ? String(error.code) : String(error);
      }
    },
    get isBusy() {
      return offers.size > 0 || held !== null || comeback.isOwed;
    },
    stop() {
      listener?.close();
      listener = null;
      pause();
      if (held !== null) goOn(held);
      held = null;
      if (offers.size === 0) left();
    },
  };
}
