// Chooses a client's service by its ClientHello, where services share a listener. Pure.

import type { RouteAssignment } from '../../ipc/assignment.ts';
import type { Hello } from '../../tls/client-hello.ts';

/** No service matches. */
export const NO_ROUTE = -1;

export interface Routes {
  /** Returns the service, or NO_ROUTE; `hello` is null without TLS. */
  find(hello: Hello | null): number;
}

/** One name's services by protocol, and the one for clients that ask for none of these. */
interface Level {
  readonly byProtocol: Map<string, number>;
  other: number;
}

/** The most specific name wins: exact, then the longest wildcard, then none. Within a name a protocol wins, in the client's order. */
export function createRoutes(routes: readonly RouteAssignment[]): Routes {
  const exact = new Map<string, Level>();
  /** `*.example.com` is `.example.com` here. */
  const wildcards = new Map<string, Level>();
  const nameless: Level = { byProtocol: new Map(), other: NO_ROUTE };
  for (const { service, names, protocols } of routes) {
    const levels = names.map((name) =>
      name.startsWith('*.') ? levelOf(wildcards, name.slice(1)) : levelOf(exact, name),
    );
    for (const level of names.length === 0 ? [nameless] : levels) {
      for (const protocol of protocols) level.byProtocol.set(protocol, service);
      if (protocols.length === 0) level.other = service;
    }
  }

  function byName(name: string, protocols: readonly string[]): number {
    const found = pick(exact.get(name), protocols);
    if (found !== NO_ROUTE || wildcards.size === 0) return found;
    // A wildcard needs at least one label before it.
    for (let dot = name.indexOf('.', 1); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      const service = pick(wildcards.get(name.slice(dot)), protocols);
      if (service !== NO_ROUTE) return service;
    }
    return NO_ROUTE;
  }

  return {
    find(hello) {
      if (hello === null) return nameless.other;
      const { name, protocols } = hello;
      const service = name === null ? NO_ROUTE : byName(name.toLowerCase().replace(/\.$/, ''), protocols);
      return service === NO_ROUTE ? pick(nameless, protocols) : service;
    },
  };
}

function levelOf(levels: Map<string, Level>, name: string): Level {
  const level = levels.get(name) ?? { byProtocol: new Map<string, number>(), other: NO_ROUTE };
  levels.set(name, level);
  return level;
}

function pick(level: Level | undefined, protocols: readonly string[]): number {
  if (level === undefined) return NO_ROUTE;
  if (level.byProtocol.size > 0) {
    for (const protocol of protocols) {
      const service = level.byProtocol.get(protocol);
      if (service !== undefined) return service;
    }
  }
  return level.other;
}
