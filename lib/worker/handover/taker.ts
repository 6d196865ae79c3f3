// The worker at the other end, as the one sees it that gives: what it was sent, and what it has refused.

import type { Channel, Sent } from '../../engine/channel.ts';
import { toMachine } from '../../machine-clock.ts';
import type { Endpoints } from '../balance/endpoints.ts';
import { catalogOf } from './catalog.ts';
import type { Offer } from './comeback.ts';
import type { Message } from './protocol.ts';
import { encode } from './protocol.ts';

/** What a machine that is busy keeps waiting stands still; so there are few then. More where they are taken within so many ms. */
const OFFERED = { few: 4, most: 16, quickMs: 1 };

export interface Taker {
  readonly channel: Channel;
  readonly parts: readonly Message[];
  /** Endpoints that those name. */
  readonly named: ReadonlySet<number>;
  /** Of those parts, so many were. */
  sent: number;
  /** It is ready for offers. */
  isReady: boolean;
  /** What it has refused, by the ids that it has here now. */
  readonly refused: Set<number>;
  /** So many may be offered now; one at first, which finds the other process cold. */
  room: number;
  /** Connections lead to an endpoint that was not there when it came: another has to come. */
  isOutdated: boolean;
}

export function takerAt(channel: Channel, endpoints: Pick<Endpoints, 'services' | 'all'>): Taker {
  return { channel, ...catalogOf(endpoints), sent: 0, isReady: false, refused: new Set(), room: 1, isOutdated: false };
}

/** The next part of the catalog; false: there is none, or it cannot be sent. */
export function sendPart(it: Taker): boolean {
  const part = it.parts[it.sent++];
  return part !== undefined && it.channel.send(encode(part)) === 'sent';
}

/** The connection is called `id` in what is said of it. */
export function sendOffer(it: Taker, id: number, { packed: { parcel, releasedAt }, released }: Offer): Sent {
  const message = encode({ kind: 'offer', ...parcel, id, releasedAt }, released.record);
  return it.channel.send(message, released.descriptors);
}

/** It has taken some: the first of them, by the machine's clock, was released then. */
export function hasTaken(it: Taker, releasedAt: number): void {
  const isQuick = toMachine(performance.now()) - releasedAt <= OFFERED.quickMs;
  it.room = it.room < OFFERED.few || isQuick ? Math.min(OFFERED.most, it.room + 1) : OFFERED.few;
}
