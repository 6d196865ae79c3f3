// What giving (giving.ts) does for the rest of the worker, and what it is made of.

import type { Channels } from '../../engine/channel.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Endpoints } from '../balance/endpoints.ts';
import type { Going, Parcels } from './parcels.ts';

export interface Giving {
  /**
   * From now on whoever comes to `path` is offered what is there, `which` of it. Returns why that cannot be, by errno name,
   * or null.
   */
  begin(path: string, which: Exclude<Going, 'share'>): string | null;
  /** Whoever comes first is offered so many at most; then nobody is any more, and `shared` is called. Returns likewise. */
  share(path: string, most: number): string | null;
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
  /** A share has gone, or does not go. */
  readonly shared: () => void;
  /** Neither the engine nor anybody's offer has a connection of this worker, which ends. */
  readonly empty: () => void;
  /** Ends a process that may have what was offered, and does not say so. */
  readonly kill: (pid: number) => void;
}
