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
  /** The side that was read last: see Connection.sideEnded(). */
  lastReader: Side | null;
  /** Watches a connection without an open backend for its deadline and for a reset by its client. */
  watch(connection: Connection): void;
  /** Holds the client after the policy answered WAIT. */
  hold(connection: Connection): void;
  exhausted(error: NodeJS.ErrnoException): void;
  over(connection: Connection, end: EndCode): void;
}
