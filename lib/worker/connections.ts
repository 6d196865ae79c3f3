// What the policy remembers of each connection, in flat arrays by the engine's connection id: ids are small and reused,
// so nothing is allocated for a connection unless a connect fails. Owner of these arrays: the policy.

import type { ConnectFailure } from '../engine/engine.ts';
import type { Cause } from '../ipc/reasons.ts';

const INITIAL = 1024;

export interface Connections {
  /** The service it came in on. */
  service: Int32Array;
  /** The backend last tried or in use; −1 when none. */
  backend: Int32Array;
  /** performance.now() when it was accepted, when its first attempt began, and when a backend was connected (0: not yet). */
  acceptedAt: Float64Array;
  startedAt: Float64Array;
  connectedAt: Float64Array;
  /** performance.now() when its latest attempt began. */
  attemptAt: Float64Array;
  /** Backends tried without success, in order, and why; undefined until the first failure. */
  readonly tried: (Map<number, ConnectFailure> | undefined)[];
  /** Why the policy refused it; undefined unless it did. */
  readonly refusal: (Cause | undefined)[];
  /** Makes room for id `connection`. */
  reserve(connection: number): void;
}

export function createConnections(): Connections {
  const connections: Connections = {
    service: new Int32Array(INITIAL),
    backend: new Int32Array(INITIAL),
    acceptedAt: new Float64Array(INITIAL),
    startedAt: new Float64Array(INITIAL),
    connectedAt: new Float64Array(INITIAL),
    attemptAt: new Float64Array(INITIAL),
    tried: [],
    refusal: [],
    reserve(connection) {
      if (connection < connections.service.length) return;
      const length = Math.max(connection + 1, connections.service.length * 2);
      connections.service = grown(connections.service, new Int32Array(length));
      connections.backend = grown(connections.backend, new Int32Array(length));
      connections.acceptedAt = grown(connections.acceptedAt, new Float64Array(length));
      connections.startedAt = grown(connections.startedAt, new Float64Array(length));
      connections.connectedAt = grown(connections.connectedAt, new Float64Array(length));
      connections.attemptAt = grown(connections.attemptAt, new Float64Array(length));
    },
  };
  return connections;
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
