import type { EndCode, Policy } from '../engine.ts';
import type { Buffers } from './buffers.ts';
import type { Connection } from './connection.ts';
import type { Side } from './side.ts';
import type { Targets } from './targets.ts';

/** What the connections of one engine share. */
export interface Core {
  readonly policy: Policy;
  readonly buffers: Buffers;
  readonly targets: Targets;
  /** Whose bytes came last: see Connection.sideEnded(). */
  lastReader: Side | null;
  /** Watches a connection that has no backend yet, for its deadline and its client's reset. */
  watch(connection: Connection): void;
  /** The policy said WAIT. */
  hold(connection: Connection): void;
  exhausted(error: NodeJS.ErrnoException): void;
  over(connection: Connection, end: EndCode): void;
}
