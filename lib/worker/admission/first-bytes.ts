// Clients that have to say something before they get a backend: peers that are proxies, who their client is. Owner of who has not
// said it yet.

import type { Networks } from '../../../config/networks.ts';
import type { InspectionCode } from '../../engine/engine.ts';
import { INSPECTIONS } from '../../engine/engine.ts';
import type { Cause } from '../../ipc/reasons.ts';
import type { Header } from '../../proxy-protocol/parse.ts';
import { parseHeader } from '../../proxy-protocol/parse.ts';

export interface FirstBytes {
  /** A client has come that may be such a proxy. */
  accepted(connection: number, proxies: Networks): void;
  /** It has to say something yet. */
  isAwaited(connection: number): boolean;
  /** `known`: it has said it, and the engine knows. `more`: not all of it. Else why it is refused. */
  look(connection: number, bytes: Uint8Array, inspection: InspectionCode): 'known' | 'more' | Cause;
  /** It is over. */
  forget(connection: number): void;
}

interface FirstBytesParts {
  /** All three are the engine's. */
  clientAddress(connection: number): string;
  take(connection: number, bytes: number): void;
  setClient(connection: number, ip: string, port: number): void;
  /** What else a proxy has said. */
  conveyed(connection: number, header: Header): void;
}

export function createFirstBytes(parts: FirstBytesParts): FirstBytes {
  const awaited = new Set<number>();

  function learn(connection: number, header: Header): void {
    awaited.delete(connection);
    parts.take(connection, header.length);
    const { ends } = header;
    if (ends !== null) parts.setClient(connection, ends.client.ip, ends.client.port);
    parts.conveyed(connection, header);
  }

  return {
    accepted(connection, proxies) {
      if (proxies.hasPeer(parts.clientAddress(connection))) awaited.add(connection);
    },
    // Nobody is, as a rule: the check saves a look-up for every connection.
    isAwaited: (connection) => awaited.size > 0 && awaited.has(connection),
    look(connection, bytes, inspection) {
      const parsed = parseHeader(bytes);
      switch (parsed.kind) {
        case 'header':
          learn(connection, parsed);
          return 'known';
        case 'wrong':
          return 'bad_proxy_header';
        case 'more':
          return missing(bytes.length, INSPECTIONS[inspection]);
      }
    },
    forget(connection) {
      if (awaited.size > 0) awaited.delete(connection);
    },
  };
}

/** Why that is all; `more` when it may not be. */
function missing(length: number, inspection: (typeof INSPECTIONS)[number]): 'more' | Cause {
  switch (inspection) {
    case 'bytes':
      return 'more';
    case 'full':
      return 'bad_proxy_header';
    case 'ended':
      // Who comes and goes without a word only wants to know whether anybody is here.
      return length === 0 ? 'client_gone' : 'bad_proxy_header';
    case 'late':
      return 'first_bytes_timeout';
  }
}
