// Maps listeners to services and to the first bytes they require. Owns the listeners' rules. Where services share a listener, a
// client has no service until its first bytes name one. Until then, and for good if they never do, it is counted for the
// listener, which has its own id among the services for that.

import { networksOf, type Networks } from '../../../config/networks.ts';
import type { ListenerSettings } from '../../engine/engine.ts';
import type { ListenerAssignment } from '../../ipc/assignment.ts';
import { LONGEST_HEADER } from '../../proxy-protocol/parse.ts';
import { LONGEST_HELLO } from '../../tls/client-hello.ts';
import { createRoutes, type Routes } from './routes.ts';

/** The first bytes that clients must send before they get a backend. */
export interface Rules {
  /** Peers that must send a PROXY header; null: none. */
  readonly proxies: Networks | null;
  /** Null: all clients get the same service. */
  readonly routes: Routes | null;
}

export interface Routing {
  add(listener: ListenerAssignment): void;
  /** Returns the listener's service; its own id if it has routes; −1: unknown listener. */
  serviceOf(listener: number): number;
  /** Usually undefined: no first bytes are required. */
  rulesOf(listener: number): Rules | undefined;
  /** Whether this is a listener's id. */
  isUndecided(service: number): boolean;
  /** The name of such a listener. */
  nameOf(service: number): string | undefined;
  /** Returns the ids whose clients get no service once this one is over: its own, and those of listeners without another one. */
  endingWith(service: number, isOver: (service: number) => boolean): number[];
}

/** Returns the engine's settings for a listener. */
export function settingsOf(listener: ListenerAssignment): ListenerSettings {
  const { backlog, keepaliveMs, proxiesFrom, routes, firstBytesMs: ms } = listener;
  const settings = { backlog, keepaliveMs };
  // The header is removed before the hello is read, so the longer of the two suffices.
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
