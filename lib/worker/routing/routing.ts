// Which service a client gets, and what its listener asks of it. Owner of the listeners' rules. Where services share a listener a
// client is of none of them until it has said what it asks for: until then, and for good if it never does, it is counted
// for the listener, which has an id among the services for that.

import { networksOf, type Networks } from '../../../config/networks.ts';
import type { ListenerSettings } from '../../engine/engine.ts';
import type { ListenerAssignment } from '../../ipc/assignment.ts';
import { LONGEST_HEADER } from '../../proxy-protocol/parse.ts';
import { LONGEST_HELLO } from '../../tls/client-hello.ts';
import { createRoutes, type Routes } from './routes.ts';

/** What clients have to say before they get a backend. */
export interface Rules {
  /** Peers that have to say who their client is; null: nobody has to. */
  readonly proxies: Networks | null;
  /** Null: all get the same service. */
  readonly routes: Routes | null;
}

export interface Routing {
  add(listener: ListenerAssignment): void;
  /** −1: nobody knows that listener. Where it has routes, its own id. */
  serviceOf(listener: number): number;
  /** Undefined, as a rule: they need not say anything. */
  rulesOf(listener: number): Rules | undefined;
  /** It is a listener's id. */
  isUndecided(service: number): boolean;
  /** What such a listener is called. */
  nameOf(service: number): string | undefined;
  /** The ids of clients that can get no service once this one is over, too: its own, and those of listeners. */
  endingWith(service: number, isOver: (service: number) => boolean): number[];
}

/** What the engine is told of it. */
export function settingsOf(listener: ListenerAssignment): ListenerSettings {
  const { backlog, keepaliveMs, proxiesFrom, routes, firstBytesMs: ms } = listener;
  const settings = { backlog, keepaliveMs };
  // A header is taken away before a hello is looked at.
  const bytes = Math.max(proxiesFrom.length === 0 ? 0 : LONGEST_HEADER, routes.length === 0 ? 0 : LONGEST_HELLO);
  return bytes === 0 ? settings : { ...settings, inspect: { bytes, ms } };
}

export function createRouting(): Routing {
  const services: number[] = [];
  const rules: (Rules | undefined)[] = [];
  /** By the id of a listener among the services. */
  const undecided: ({ readonly name: string; readonly services: readonly number[] } | undefined)[] = [];
  return {
    add({ id, address, service, proxiesFrom, routes }) {
      const isRouted = routes.length > 0;
      const proxies = proxiesFrom.length === 0 ? null : networksOf(proxiesFrom);
      services[id] = service;
      rules[id] =
        proxies === null && !isRouted ? undefined : { proxies, routes: isRouted ? createRoutes(routes) : null };
      if (isRouted) undecided[service] = { name: address, services: routes.map((route) => route.service) };
    },
    serviceOf: (listener) => services[listener] ?? -1,
    rulesOf: (listener) => rules[listener],
    isUndecided: (service) => undecided[service] !== undefined,
    nameOf: (service) => undecided[service]?.name,
    endingWith(service, isOver) {
      const listeners = [...undecided.keys()].filter((id) => {
        const its = undecided[id]?.services ?? [];
        return its.includes(service) && its.every(isOver);
      });
      return [service, ...listeners];
    },
  };
}
