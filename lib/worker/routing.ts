// Which service a client gets. Owner of the listeners' rules; today a listener leads to one service.

import type { ListenerAssignment } from '../ipc/assignment.ts';

export interface Routing {
  add(listener: ListenerAssignment): void;
  /** −1: nobody knows that listener. */
  serviceOf(listener: number): number;
  /** Listeners whose clients get no other service. */
  listenersOf(service: number): number[];
}

export function createRouting(): Routing {
  const services: number[] = [];
  return {
    add({ id, service }) {
      services[id] = service;
    },
    serviceOf: (listener) => services[listener] ?? -1,
    listenersOf: (service) => [...services.keys()].filter((listener) => services[listener] === service),
  };
}
