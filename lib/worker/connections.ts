// What the policy remembers of each connection, in flat arrays by the engine's connection id: ids are small and reused,
// so nothing is allocated for a connection unless a connect fails. Owner of these arrays: the policy.

const INITIAL = 1024;

export interface Connections {
  /** The service it came in on. */
  service: Int32Array;
  /** The backend last tried or in use; −1 when none. */
  backend: Int32Array;
  /** performance.now() when the first attempt began. */
  startedAt: Float64Array;
  /** Backends tried without success; undefined until the first failure. */
  readonly tried: (Set<number> | undefined)[];
  /** Makes room for id `connection`. */
  reserve(connection: number): void;
}

export function createConnections(): Connections {
  const connections: Connections = {
    service: new Int32Array(INITIAL),
    backend: new Int32Array(INITIAL),
    startedAt: new Float64Array(INITIAL),
    tried: [],
    reserve(connection) {
      if (connection < connections.service.length) return;
      const length = Math.max(connection + 1, connections.service.length * 2);
      connections.service = grown(connections.service, new Int32Array(length));
      connections.backend = grown(connections.backend, new Int32Array(length));
      connections.startedAt = grown(connections.startedAt, new Float64Array(length));
    },
  };
  return connections;
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
