import type { EndCode, Policy } from '../engine.ts';
import type { Buffers } from './buffers.ts';
import type { Connection } from './connection.ts';
import type { Route } from './route.ts';
import type { Side } from './side.ts';

/** What the connections of one engine share. */
export interface Core {
  readonly policy: Policy;
  readonly bytes: Float64Array;
  readonly buffers: Buffers;
  readonly routes: readonly (Route | undefined)[];
  /** Whose bytes came last: see Connection.sideEnded(). */
  lastReader: Side | null;
  /** Watches a connection that has no backend yet, for its deadline and its client's reset. */
  watch(connection: Connection): void;
  shortage(error: NodeJS.ErrnoException): void;
  over(connection: Connection, end: EndCode): void;
}
