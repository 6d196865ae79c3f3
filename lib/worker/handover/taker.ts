// The giver's view of a taker: what it was sent and what it refused.

import type { Channel, Sent } from '../../engine/channel.ts';
import { toMachine } from '../../machine-clock.ts';
import type { Endpoints } from '../balance/endpoints.ts';
import { catalogOf } from './catalog.ts';
import type { Offer } from './comeback.ts';
import type { Message } from './protocol.ts';
import { encode } from './protocol.ts';

/** Offered connections stand still, so a busy machine gets few at a time; more if they are taken within `quickMs`. */
const OFFERED = { few: 4, most: 16, quickMs: 1 };

export interface Taker {
  readonly channel: Channel;
  readonly parts: readonly Message[];
  /** The endpoints named in the parts. */
  readonly named: ReadonlySet<number>;
  /** Number of parts sent. */
  sent: number;
  isReady: boolean;
  /** Refused connections, by their current ids here. */
  readonly refused: Set<number>;
  /** How many may be offered now; one at first, while the other process is cold. */
  room: number;
  /** Some connections lead to an endpoint newer than its catalog: another taker is needed. */
  isOutdated: boolean;
}

export function takerAt(channel: Channel, endpoints: Pick<Endpoints, 'services' | 'all'>): Taker {
  return { channel, ...catalogOf(endpoints), sent: 0, isReady: false, refused: new Set(), room: 1, isOutdated: false };
}

/** Sends the next part of the catalog; false: there is none, or it cannot be sent. */
export function sendPart(it: Taker): boolean {
  const part = it.parts[it.sent++];
  return part !== undefined && it.channel.send(encode(part)) === 'sent';
}

/** Offers a connection under the name `id`. */
export function sendOffer(it: Taker, id: number, { packed: { parcel, releasedAt }, released }: Offer): Sent {
  const message = encode({ kind: 'offer', ...parcel, id, releasedAt }, released.record);
  return it.channel.send(message, released.descriptors);
}

/** Adjusts the room after it took some; the first of them was released at `releasedAt` on the machine's clock. */
export function hasTaken(it: Taker, releasedAt: number): void {
  const isQuick = toMachine(performance.now()) - releasedAt <= OFFERED.quickMs;
  it.room = it.room < OFFERED.few || isQuick ? Math.min(OFFERED.most, it.room + 1) : OFFERED.few;
}
