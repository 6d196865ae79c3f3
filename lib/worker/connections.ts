// The policy's state per connection, in flat arrays indexed by the engine's connection id. Ids are small and reused, so a
// connection allocates nothing unless a connect fails. Written by the policy only.

import type { ConnectFailure } from '../engine/engine.ts';
import type { Cause } from '../ipc/reasons.ts';
import { grown } from '../grown.ts';

const INITIAL = 1024;
const NONE = -1;

export interface Connections {
  service: Int32Array;
  /** The endpoint last tried or in use; −1: none. */
  endpoint: Int32Array;
  /** performance.now() when it was accepted, when its first attempt began, and when its backend connected (0: not yet). */
  acceptedAt: Float64Array;
  startedAt: Float64Array;
  connectedAt: Float64Array;
  /** 1: it has waited for a permit or an endpoint. */
  waited: Int32Array;
  /** performance.now() when its latest attempt began. */
  attemptAt: Float64Array;
  /** Failed endpoints in order, each with its cause; undefined until the first failure. */
  readonly tried: (Map<number, ConnectFailure> | undefined)[];
  /** The unique id sent to its backend; undefined: none. */
  readonly uniqueId: (string | undefined)[];
  /** Why the policy refused it; undefined unless it did. */
  readonly refusal: (Cause | undefined)[];
  /** Returns the connections that this endpoint serves. */
  connectedTo(endpoint: number): number[];
  /** Returns the connections of a service without an endpoint. Includes ids that are not in use. */
  homeless(service: number): number[];
  /** Makes room for id `connection`. */
  reserve(connection: number): void;
}

export function createConnections(): Connections {
  const connections: Connections = {
    service: new Int32Array(INITIAL),
    endpoint: new Int32Array(INITIAL).fill(NONE),
    acceptedAt: new Float64Array(INITIAL),
    startedAt: new Float64Array(INITIAL),
    waited: new Int32Array(INITIAL),
    connectedAt: new Float64Array(INITIAL),
    attemptAt: new Float64Array(INITIAL),
    tried: [],
    uniqueId: [],
    refusal: [],
    connectedTo(endpoint) {
      const found: number[] = [];
      connections.endpoint.forEach((other, connection) => {
        if (other === endpoint && connections.connectedAt[connection] !== 0) found.push(connection);
      });
      return found;
    },
    homeless(service) {
      const found: number[] = [];
      connections.service.forEach((other, connection) => {
        if (other === service && connections.endpoint[connection] === NONE) found.push(connection);
      });
      return found;
    },
    reserve(connection) {
      if (connection < connections.service.length) return;
      connections.service = grown(connections.service, connection);
      connections.endpoint = grown(connections.endpoint, connection);
      connections.acceptedAt = grown(connections.acceptedAt, connection);
      connections.startedAt = grown(connections.startedAt, connection);
      connections.waited = grown(connections.waited, connection);
      connections.connectedAt = grown(connections.connectedAt, connection);
      connections.attemptAt = grown(connections.attemptAt, connection);
    },
  };
  return connections;
}
