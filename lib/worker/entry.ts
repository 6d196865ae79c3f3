// Admits a client: reads its first bytes where the listener requires that, then checks access and source limits, then takes its
// permits. While its service depends on its first bytes it holds the instance's permit and is counted for its listener.

// Imported on purpose: the global is looked up again in every call.
import { performance } from 'node:perf_hooks';

import type { Policy } from '../engine/engine.ts';
import { INSPECT, MORE, WAIT } from '../engine/engine.ts';
import type { Cause } from '../ipc/reasons.ts';
import type { PolicyParts, WorkerPolicy } from './policy-parts.ts';
import type { Preambles } from './preamble.ts';
import { createFirstBytes } from './routing/first-bytes.ts';
import type { Rules } from './routing/routing.ts';

export interface Entry extends Pick<Policy, 'accepted'>, Required<Pick<Policy, 'inspected'>> {
  readonly decide: WorkerPolicy['decide'];
  /** The connection is over; call before it is counted for `service`. */
  ended(connection: number, service: number): void;
}

export interface EntryParts extends PolicyParts {
  readonly preambles: Pick<Preambles, 'conveyed' | 'asksFor' | 'forget'>;
  /** The client is admitted. Returns the answer for the engine. */
  readonly begin: (connection: number, service: number, now: number) => number;
  readonly refuse: (connection: number, cause: Cause) => number;
  /** The cause that connections cut now are counted under. */
  cutCause(): Cause;
}

const NONE = -1;

export function createEntry(parts: EntryParts): Entry {
  const { routing, connections, count, access, sourceLimits, admission, preambles, begin, refuse } = parts;
  const firstBytes = createFirstBytes({
    ...parts,
    conveyed: (connection, header) => preambles.conveyed(connection, header),
    routed(connection, service, name) {
      count.undecided(connections.service[connection] ?? NONE, -1);
      connections.service[connection] = service;
      // It may have waited for the instance's permit, but not for this service.
      connections.waited[connection] = 0;
      count.accepted(service);
      if (name !== null) preambles.asksFor(connection, name);
    },
  });

  /** Returns why the client's address is refused; null: it is not. The address must be known. */
  function unwelcome(connection: number, service: number, now: number): Cause | null {
    return access.allows(connection, service) ? sourceLimits.enter(connection, service, now) : 'access_denied';
  }

  /** Whether nobody can tell if the client is a proxy: it was reset before the js engine could ask for its address. */
  function isLost(connection: number, { proxies }: Rules): boolean {
    return proxies !== null && parts.clientIp(connection) === null && parts.clientAddress(connection) !== 'unix';
  }

  /** Lets in a client that has its permits: reads its first bytes if they are awaited, else begins. */
  function letIn(connection: number, id: number, now: number): number {
    return firstBytes.isAwaited(connection) ? INSPECT : begin(connection, id, now);
  }

  return {
    accepted(connection, listener) {
      const now = performance.now();
      const service = routing.serviceOf(listener);
      connections.reserve(connection);
      connections.service[connection] = service;
      connections.endpoint[connection] = NONE;
      connections.acceptedAt[connection] = now;
      connections.connectedAt[connection] = 0;
      connections.waited[connection] = 0;
      // A connection that was handed over left its preamble state under this id.
      preambles.forget(connection);
      const rules = routing.rulesOf(listener);
      if (rules !== undefined) firstBytes.accepted(connection, rules);
      if (rules === undefined || rules.routes === null) count.accepted(service);
      else count.undecided(service, 1);
      if (rules !== undefined && isLost(connection, rules)) return refuse(connection, 'client_gone');
      const excess = firstBytes.isAwaited(connection) ? null : unwelcome(connection, service, now);
      if (excess !== null) return refuse(connection, excess);
      const answer = admission.admit(connection, service, now);
      if (answer === 'yes') return letIn(connection, service, now);
      return answer === 'wait' ? WAIT : refuse(connection, 'overload');
    },

    decide(connection, admitted) {
      const service = connections.service[connection] ?? NONE;
      connections.waited[connection] = 1;
      return admitted ? letIn(connection, service, performance.now()) : refuse(connection, 'overload');
    },

    inspected(connection, bytes, inspection) {
      const seen = firstBytes.look(connection, bytes, inspection);
      if (seen === 'more') return MORE;
      if (seen !== 'known') return refuse(connection, seen);
      const service = connections.service[connection] ?? NONE;
      // The service's connections have been cut since.
      if (parts.isOver(service)) return refuse(connection, parts.cutCause());
      const now = performance.now();
      const excess = unwelcome(connection, service, now);
      if (excess !== null) return refuse(connection, excess);
      const answer = admission.complete(connection, service, now);
      if (answer === 'yes') return begin(connection, service, now);
      return answer === 'wait' ? WAIT : refuse(connection, 'overload');
    },

    ended(connection, service) {
      firstBytes.forget(connection);
      if (!routing.isUndecided(service)) return;
      count.undecided(service, -1);
      count.accepted(service);
    },
  };
}
