// What a backend is sent before a client's first byte: who the client is, in the version of the PROXY protocol that it wants.

import { randomBytes } from 'node:crypto';
import type { Version } from '../proxy-protocol/format.ts';
import { createHeaderWriter, NOTHING_TOLD } from '../proxy-protocol/header.ts';
import type { Endpoint } from './balance/endpoints.ts';
import type { Connections } from './connections.ts';

export interface Preambles {
  /** Null: this backend is told nothing. The bytes are valid until the next call. */
  of(connection: number, endpoint: Endpoint | undefined): Uint8Array | null;
  /** What the connection was called; null: it has no name. */
  nameOf(connection: number): string | null;
  /** It is over. */
  forget(connection: number): void;
}

interface PreambleParts {
  readonly connections: Pick<Connections, 'uniqueId'>;
  /** Both the engine's. */
  clientAddress(connection: number): string;
  localAddress(connection: number): string;
}

export function createPreambles(parts: PreambleParts): Preambles {
  const writer = createHeaderWriter();
  /** No other worker's, nor one's of another instance. */
  const own = randomBytes(8).toString('hex');
  let count = 0;
  const { uniqueId: names } = parts.connections;

  function write(version: Version, connection: number): Uint8Array {
    const from = parts.clientAddress(connection);
    const to = parts.localAddress(connection);
    if (version === 'v1') return writer.write(version, from, to, NOTHING_TOLD);
    const uniqueId = (names[connection] ??= `${own}-${(++count).toString(36)}`);
    return writer.write(version, from, to, { uniqueId, authority: null });
  }

  return {
    of(connection, endpoint) {
      const version = endpoint?.sendProxy ?? 'none';
      return version === 'none' ? null : write(version, connection);
    },
    nameOf: (connection) => names[connection] ?? null,
    forget(connection) {
      if (names[connection] !== undefined) names[connection] = undefined;
    },
  };
}
