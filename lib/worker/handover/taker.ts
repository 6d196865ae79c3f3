// The worker at the other end, as the one sees it that gives: what it was told, and what it has refused.

import type { Channel } from '../../engine/channel.ts';
import type { Endpoints } from '../balance/endpoints.ts';
import { catalogOf } from './catalog.ts';
import type { Word } from './words.ts';
import { say } from './words.ts';

export interface Taker {
  readonly channel: Channel;
  readonly parts: readonly Word[];
  /** Endpoints that those name. */
  readonly named: ReadonlySet<number>;
  /** Of those parts, so many were sent. */
  told: number;
  /** It is ready for offers. */
  isReady: boolean;
  /** What it has refused. */
  readonly refused: Set<number>;
  /** Connections lead to an endpoint that was not there when it came: another has to come. */
  isOutdated: boolean;
}

export function takerAt(channel: Channel, endpoints: Pick<Endpoints, 'services' | 'all'>): Taker {
  return { channel, ...catalogOf(endpoints), told: 0, isReady: false, refused: new Set(), isOutdated: false };
}

/** The next part of the catalog; false: there is none, or it cannot be told. */
export function tellMore(it: Taker): boolean {
  const part = it.parts[it.told++];
  return part !== undefined && it.channel.send(say(part)) === 'sent';
}
