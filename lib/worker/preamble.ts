// Writes what a backend gets before the client's first byte: the client's address, in its version of the PROXY protocol.

import { randomBytes } from 'node:crypto';
import { readIp } from '../../config/ip.ts';
import type { End, Ends } from '../engine/ends.ts';
import type { Version } from '../proxy-protocol/format.ts';
import { createHeaderWriter, NO_EXTENSIONS } from '../proxy-protocol/header.ts';
import type { Header, Place } from '../proxy-protocol/parse.ts';
import type { Endpoint } from './balance/endpoints.ts';
import type { Connections } from './connections.ts';

export interface Preambles {
  /** Null: this backend gets no header. The bytes are valid until the next call. */
  of(connection: number, endpoint: Endpoint | undefined): Uint8Array | null;
  /** Stores what a proxy conveyed: the client's destination, and the connection's unique id. */
  conveyed(connection: number, header: Pick<Header, 'ends' | 'extensions'>): void;
  /** Stores the server name that the client asked for. It takes precedence over the proxy's. */
  asksFor(connection: number, server: string): void;
  /** The connection's unique id; null: none, or one that is not fit for a log. */
  nameOf(connection: number): string | null;
  forget(connection: number): void;
}

interface Conveyed {
  /** Null: the local address. */
  readonly destination: Place | null;
  readonly authority: string | null;
}

/** Ids from a proxy that are fit for a log. */
const PLAIN = /^[\w.:/+=-]+$/;

interface PreambleParts {
  readonly connections: Pick<Connections, 'uniqueId'>;
  /** The engine's. */
  ends(connection: number): Ends;
}

export function createPreambles(parts: PreambleParts): Preambles {
  const writer = createHeaderWriter();
  /** Differs from that of every other worker and instance. */
  const own = randomBytes(8).toString('hex');
  let count = 0;
  const { uniqueId: names } = parts.connections;
  /** By connection. */
  const conveyed: (Conveyed | undefined)[] = [];
  const asked: (string | undefined)[] = [];

  function write(version: Version, connection: number): Uint8Array {
    const { client, local } = parts.ends(connection);
    const before = conveyed[connection];
    const destination = before?.destination ?? null;
    const to = destination === null ? local : endOf(destination);
    if (version === 'v1') return writer.write(version, client, to, NO_EXTENSIONS);
    const uniqueId = (names[connection] ??= `${own}-${(++count).toString(36)}`);
    return writer.write(version, client, to, { uniqueId, authority: asked[connection] ?? before?.authority ?? null });
  }

  return {
    of(connection, endpoint) {
      const version = endpoint?.sendProxy ?? 'none';
      return version === 'none' ? null : write(version, connection);
    },
    conveyed(connection, { ends, extensions }) {
      const destination = ends?.destination ?? null;
      const { uniqueId, authority } = extensions;
      if (uniqueId !== null) names[connection] = uniqueId;
      if (destination !== null || authority !== null) conveyed[connection] = { destination, authority };
    },
    asksFor(connection, server) {
      asked[connection] = server;
    },
    nameOf(connection) {
      const name = names[connection];
      return name !== undefined && PLAIN.test(name) ? name : null;
    },
    forget(connection) {
      if (names[connection] !== undefined) names[connection] = undefined;
      if (conveyed[connection] !== undefined) conveyed[connection] = undefined;
      if (asked[connection] !== undefined) asked[connection] = undefined;
    },
  };
}

function endOf({ ip, port }: Place): End | null {
  const bytes = new Uint8Array(16);
  return readIp(ip, 0, ip.length, bytes, 0) ? { ip: bytes, port } : null;
}
