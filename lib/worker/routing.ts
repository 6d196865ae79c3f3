// Which service a client gets, and what its listener asks of it. Owner of the listeners' rules; today a listener leads to one service.

import { networksOf, type Networks } from '../../config/networks.ts';
import type { ListenerSettings } from '../engine/engine.ts';
import type { ListenerAssignment } from '../ipc/assignment.ts';
import { LONGEST_HEADER } from '../proxy-protocol/parse.ts';

export interface Routing {
  add(listener: ListenerAssignment): void;
  /** −1: nobody knows that listener. */
  serviceOf(listener: number): number;
  /** Peers that have to say who their client is; undefined: the listener's have not. */
  proxiesOf(listener: number): Networks | undefined;
  /** Listeners whose clients get no other service. */
  listenersOf(service: number): number[];
}

/** What the engine is told of it. */
export function settingsOf({ backlog, keepaliveMs, proxiesFrom, firstBytesMs }: ListenerAssignment): ListenerSettings {
  const settings = { backlog, keepaliveMs };
  return proxiesFrom.length === 0 ? settings : { ...settings, inspect: { bytes: LONGEST_HEADER, ms: firstBytesMs } };
}

export function createRouting(): Routing {
  const services: number[] = [];
  const proxies: (Networks | undefined)[] = [];
  return {
    add({ id, service, proxiesFrom }) {
      services[id] = service;
      proxies[id] = proxiesFrom.length === 0 ? undefined : networksOf(proxiesFrom);
    },
    serviceOf: (listener) => services[listener] ?? -1,
    proxiesOf: (listener) => proxies[listener],
    listenersOf: (service) => [...services.keys()].filter((listener) => services[listener] === service),
  };
}
