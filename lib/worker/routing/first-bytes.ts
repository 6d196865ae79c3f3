// Clients that have to say something before they get a backend: peers that are proxies, who their client is; then clients of a
// listener that services share, what they ask for. Owner of who has not said it yet.

import type { InspectionCode } from '../../engine/engine.ts';
import { INSPECTIONS } from '../../engine/engine.ts';
import type { Cause } from '../../ipc/reasons.ts';
import type { Header } from '../../proxy-protocol/parse.ts';
import { parseHeader } from '../../proxy-protocol/parse.ts';
import { readHello, type Hello } from '../../tls/client-hello.ts';
import { NO_ROUTE, type Routes } from './routes.ts';
import type { Rules } from './routing.ts';

export interface FirstBytes {
  /** A client has come to a listener that has rules. */
  accepted(connection: number, rules: Rules): void;
  /** It has to say something yet. */
  isAwaited(connection: number): boolean;
  /** `known`: it has said all, and who had to be told was. `more`: not all of it. Else why it is refused. */
  look(connection: number, bytes: Uint8Array, inspection: InspectionCode): 'known' | 'more' | Cause;
  /** It is over. */
  forget(connection: number): void;
}

export interface FirstBytesParts {
  /** All three are the engine's. */
  clientAddress(connection: number): string;
  take(connection: number, bytes: number): void;
  setClient(connection: number, ip: string, port: number): void;
  /** What else a proxy has said. */
  conveyed(connection: number, header: Header): void;
  /** Which service it gets, and the server that it asks for, if it does. */
  routed(connection: number, service: number, name: string | null): void;
}

type Inspection = (typeof INSPECTIONS)[number];

export function createFirstBytes(parts: FirstBytesParts): FirstBytes {
  /** Of whom a header is awaited. */
  const proxies = new Set<number>();
  /** By connection, of whom a hello is awaited, after that. */
  const asked: (Routes | undefined)[] = [];

  function learn(connection: number, header: Header): void {
    proxies.delete(connection);
    parts.take(connection, header.length);
    const { ends } = header;
    if (ends !== null) parts.setClient(connection, ends.client.ip, ends.client.port);
    parts.conveyed(connection, header);
  }

  function lookForHeader(connection: number, bytes: Uint8Array, inspection: Inspection): 'known' | 'more' | Cause {
    const parsed = parseHeader(bytes);
    switch (parsed.kind) {
      case 'header':
        learn(connection, parsed);
        // What is left of the bytes is shown anew.
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
        // It will not become one any more.
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
      if (rules.proxies?.hasPeer(parts.clientAddress(connection)) === true) proxies.add(connection);
    },
    // Nobody is, as a rule: the check saves a look-up for every connection.
    isAwaited: (connection) => (proxies.size > 0 && proxies.has(connection)) || asked[connection] !== undefined,
    look(connection, bytes, inspection) {
      const routes = asked[connection];
      if (routes === undefined || (proxies.size > 0 && proxies.has(connection))) {
        return lookForHeader(connection, bytes, INSPECTIONS[inspection]);
      }
      return lookForHello(connection, routes, bytes, INSPECTIONS[inspection]);
    },
    forget(connection) {
      if (proxies.size > 0) proxies.delete(connection);
      if (asked[connection] !== undefined) asked[connection] = undefined;
    },
  };
}

/** Why that is all; `more` when it may not be. */
function missing(length: number, inspection: Inspection): 'more' | Cause {
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
