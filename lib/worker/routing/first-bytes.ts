// Reads the first bytes of clients before they get a backend: the PROXY header of peers that are proxies, then the ClientHello
// of clients whose services share a listener. Owns the set of clients whose first bytes are awaited.

import type { InspectionCode } from '../../engine/engine.ts';
import { INSPECTIONS } from '../../engine/engine.ts';
import type { Cause } from '../../ipc/reasons.ts';
import type { Header } from '../../proxy-protocol/parse.ts';
import { parseHeader } from '../../proxy-protocol/parse.ts';
import { readHello, type Hello } from '../../tls/client-hello.ts';
import { NO_ROUTE, type Routes } from './routes.ts';
import type { Rules } from './routing.ts';

export interface FirstBytes {
  /** Registers a client of a listener with rules. */
  accepted(connection: number, rules: Rules): void;
  /** Whether its first bytes are still awaited. */
  isAwaited(connection: number): boolean;
  /** Reads the bytes. `known`: complete, and everything was passed on. `more`: incomplete. Else why it is refused. */
  look(connection: number, bytes: Uint8Array, inspection: InspectionCode): 'known' | 'more' | Cause;
  /** The connection is over. */
  forget(connection: number): void;
}

export interface FirstBytesParts {
  /** All three are the engine's. */
  clientIp(connection: number): Uint8Array | null;
  take(connection: number, bytes: number): void;
  setClient(connection: number, ip: Uint8Array, port: number): void;
  /** The rest of a proxy's header. */
  conveyed(connection: number, header: Header): void;
  /** The service that it gets, and the server name that it asks for; null: none. */
  routed(connection: number, service: number, name: string | null): void;
}

type Inspection = (typeof INSPECTIONS)[number];

export function createFirstBytes(parts: FirstBytesParts): FirstBytes {
  /** By connection: whether its header is awaited. */
  const proxies: (boolean | undefined)[] = [];
  /** By connection, if its hello is awaited: its listener's routes. A header comes first. */
  const asked: (Routes | undefined)[] = [];

  function learn(connection: number, header: Header): void {
    proxies[connection] = false;
    parts.take(connection, header.length);
    const { ends } = header;
    if (ends !== null) parts.setClient(connection, ends.clientIp, ends.client.port);
    parts.conveyed(connection, header);
  }

  function lookForHeader(connection: number, bytes: Uint8Array, inspection: Inspection): 'known' | 'more' | Cause {
    const parsed = parseHeader(bytes);
    switch (parsed.kind) {
      case 'header':
        learn(connection, parsed);
        // The engine shows the remaining bytes again.
        return asked[connection] === undefined ? 'known' : 'more';
      case 'wrong':
        return 'bad_proxy_header';
      case 'more':
        return missing(bytes.length, inspection);
    }
  }

  function lookForHello(
    connection: number,
    routes: Routes,
    bytes: Uint8Array,
    inspection: Inspection,
  ): 'known' | 'more' | Cause {
    const read = readHello(bytes);
    switch (read.kind) {
      case 'hello':
        return choose(connection, routes, read);
      case 'no_tls':
        return choose(connection, routes, null);
      case 'more':
        if (inspection === 'bytes') return 'more';
        if (inspection === 'late') return 'first_bytes_timeout';
        // It cannot become a hello any more.
        return bytes.length === 0 ? 'client_gone' : choose(connection, routes, null);
    }
  }

  function choose(connection: number, routes: Routes, hello: Hello | null): 'known' | Cause {
    asked[connection] = undefined;
    const service = routes.find(hello);
    if (service === NO_ROUTE) return 'no_route';
    parts.routed(connection, service, hello?.name ?? null);
    return 'known';
  }

  return {
    accepted(connection, rules) {
      if (rules.routes !== null) asked[connection] = rules.routes;
      const peer = rules.proxies === null ? null : parts.clientIp(connection);
      if (peer !== null && rules.proxies?.has(peer) === true) proxies[connection] = true;
    },
    isAwaited: (connection) => proxies[connection] === true || asked[connection] !== undefined,
    look(connection, bytes, inspection) {
      const routes = asked[connection];
      if (routes === undefined || proxies[connection] === true) {
        return lookForHeader(connection, bytes, INSPECTIONS[inspection]);
      }
      return lookForHello(connection, routes, bytes, INSPECTIONS[inspection]);
    },
    forget(connection) {
      if (proxies[connection] === true) proxies[connection] = false;
      if (asked[connection] !== undefined) asked[connection] = undefined;
    },
  };
}

/** Returns why an incomplete header is refused; `more` if the rest may still come. */
function missing(length: number, inspection: Inspection): 'more' | Cause {
  switch (inspection) {
    case 'bytes':
      return 'more';
    case 'full':
      return 'bad_proxy_header';
    case 'ended':
      // A client that closes without a byte only checks whether the port is open.
      return length === 0 ? 'client_gone' : 'bad_proxy_header';
    case 'late':
      return 'first_bytes_timeout';
  }
}
