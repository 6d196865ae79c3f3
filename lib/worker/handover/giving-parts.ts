// The interface of giving.ts, and the parts it needs.

import type { Channels } from '../../engine/channel.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Endpoints } from '../balance/endpoints.ts';
import type { Going, Parcels } from './parcels.ts';

export interface Giving {
  /** From now on offers the connections of `which` to every taker that connects to `path`. Returns an errno name, or null. */
  begin(path: string, which: Exclude<Going, 'share'>): string | null;
  /** Offers the first taker at most `most` connections, then closes and calls `shared`. Returns an errno name, or null. */
  share(path: string, most: number): string | null;
  /** Whether connections are offered: neither in the engine nor over. */
  readonly isBusy: boolean;
  /** Offers nothing more. Still waits for the answers to what is offered. */
  stop(): void;
}

export interface GivingParts {
  readonly channels: Channels;
  readonly engine: Pick<Engine, 'release' | 'adopt' | 'active'>;
  readonly endpoints: Pick<Endpoints, 'services' | 'all'>;
  readonly parcels: Parcels;
  /** These resumed here: apply to them what was done to all connections in the meantime. */
  readonly hasIt: (connections: readonly number[]) => void;
  /** All connections that can go have gone, for now. `all`: none of those that may go has a backend. */
  readonly through: (all: boolean) => void;
  /** A share has gone, or is given up. */
  readonly shared: () => void;
  /** This worker has no connection left, neither in the engine nor offered. */
  readonly empty: () => void;
  /** Kills a taker that may have what was offered but does not answer. */
  readonly kill: (pid: number) => void;
}
