// A worker's decisions: whether a client is admitted, which endpoint it gets, and which comes next when a connect fails. The
// only place that chooses an endpoint. Hot path: the engine calls it two to four times per connection, with numbers only.

// Imported on purpose: the global is looked up again in every call.
import { performance } from 'node:perf_hooks';

import type { ConnectFailureCode, EndCode } from '../engine/engine.ts';
import { CONNECT_FAILURES, REFUSE, WAIT } from '../engine/engine.ts';
import type { Cause } from '../ipc/reasons.ts';
import { createQueue } from './admission/queue.ts';
import type { Ask, Tried } from './balance/balancer.ts';
import { choose, FULL, hasRoom, retriesAllowed } from './balance/balancer.ts';
import type { Service } from './balance/endpoints.ts';
import { createEnding } from './ending.ts';
import { createEntry } from './entry.ts';
import { createEarlyFailures } from './report/early-failures.ts';
import { createEvidence } from './report/evidence.ts';
import type { PolicyParts, WorkerPolicy } from './policy-parts.ts';
import { createPreambles } from './preamble.ts';
import { createTargets } from './targets.ts';

/** A client gets no further attempt once this many connect timeouts have passed since its first one began. */
const BUDGET_TIMEOUTS = 2;
const NONE = -1;

export function createPolicy(parts: PolicyParts): WorkerPolicy {
  const { connections, endpoints, loads, sourceLimits, admission, reporter, count } = parts;
  const { services } = endpoints;
  let cutCause: Cause = 'drain';
  const evidence = createEvidence();
  const early = createEarlyFailures();
  const targets = createTargets({ ...parts, early, evidence });
  const preambles = createPreambles(parts);
  const entry = createEntry({ ...parts, preambles, begin, refuse, cutCause: () => cutCause });
  const ended = createEnding({ ...parts, early, evidence, preambles });
  const queue = createQueue({
    ...parts.queue,
    place,
    hasRoom: (id) => services[id] !== undefined && hasRoom(services[id], loads),
    late: (connection) => refuse(connection, 'overload'),
  });
  const ask: Ask = {
    connection: NONE,
    tried: null,
    now: 0,
    loads,
    evidence,
    clientAddress: (connection) => parts.clientAddress(connection),
  };
  services.forEach((service) => service !== undefined && count.reserveService(service.id));

  function leaveEndpoint(connection: number): void {
    const endpoint = connections.endpoint[connection] ?? NONE;
    if (endpoint === NONE) return;
    connections.endpoint[connection] = NONE;
    loads.release(endpoint);
    count.using(endpoint, -1);
    queue.room(connections.service[connection] ?? NONE);
  }

  function refuse(connection: number, cause: Cause): number {
    leaveEndpoint(connection);
    connections.refusal[connection] = cause;
    return REFUSE;
  }

  /** Picks the next endpoint for a connection that has none. Returns it, or choose()'s negative answer. */
  function pick(connection: number, service: Service, tried: Tried | null, now: number): number {
    ask.connection = connection;
    ask.tried = tried;
    ask.now = now;
    for (;;) {
      const chosen = choose(service, ask);
      const endpoint = service.endpoints[chosen];
      if (endpoint === undefined) return chosen;
      // Another worker may have taken the endpoint's last slot.
      if (!loads.take(endpoint.id, endpoint.maxConnections)) continue;
      connections.attemptAt[connection] = now;
      connections.endpoint[connection] = endpoint.id;
      count.using(endpoint.id, 1);
      const trialMs = early.trial(endpoint.id, now);
      if (trialMs > 0) evidence.leaveAlone(endpoint.id, now + trialMs);
      return endpoint.id;
    }
  }

  /** Whether it may wait for an endpoint. */
  function joins(connection: number, id: number, now: number, isPicky: boolean): boolean {
    const since = connections.acceptedAt[connection] ?? now;
    if (!queue.join(connection, id, since, connections.waited[connection] === 1, isPicky)) return false;
    connections.waited[connection] = 1;
    return true;
  }

  function begin(connection: number, id: number, now: number): number {
    const service = services[id];
    if (service === undefined) return refuse(connection, 'no_backend');
    const picked = queue.isWaitedFor(id) ? FULL : pick(connection, service, null, now);
    if (picked !== FULL) return began(connection, picked, now);
    if (joins(connection, id, now, false)) return WAIT;
    // It may not wait. Do not refuse it while there is room that a waiting client has not taken yet.
    return began(connection, pick(connection, service, null, now), now);
  }

  /** Starts the first attempt, or refuses the client. */
  function began(connection: number, picked: number, now: number): number {
    const none = connections.tried[connection] === undefined ? 'no_backend' : 'connect_failed';
    if (picked < 0) return refuse(connection, picked === FULL ? 'overload' : none);
    connections.startedAt[connection] = now;
    return picked;
  }

  /** Returns where a client goes that has waited for room. */
  function place(connection: number, id: number): number {
    const service = services[id];
    if (service === undefined) return refuse(connection, 'no_backend');
    const now = performance.now();
    const picked = pick(connection, service, connections.tried[connection] ?? null, now);
    return picked === FULL ? WAIT : began(connection, picked, now);
  }

  return {
    accepted: entry.accepted,
    decide: entry.decide,
    inspected: entry.inspected,

    failed(connection, code: ConnectFailureCode) {
      const service = services[connections.service[connection] ?? NONE];
      const endpoint = connections.endpoint[connection] ?? NONE;
      if (service === undefined || endpoint === NONE) return refuse(connection, 'connect_failed');
      const now = performance.now();
      const cause = CONNECT_FAILURES[code];
      const began = connections.attemptAt[connection] ?? 0;
      count.failed(endpoint, cause);
      // This worker avoids the endpoint at once; the primary's next snapshot has the truth. Our own shortage says nothing about
      // the endpoint.
      if (cause !== 'local') evidence.failed(endpoint, began, now + service.runtime.cooldownMs);
      reporter.connectFailed(endpoint, cause, began);
      const tried = (connections.tried[connection] ??= new Map());
      tried.set(endpoint, cause);
      const late = now - (connections.startedAt[connection] ?? 0) > BUDGET_TIMEOUTS * service.runtime.connectTimeoutMs;
      if (late || tried.size > retriesAllowed(service.choices, service.guarded, service.runtime.maxAttempts)) {
        return refuse(connection, 'connect_failed');
      }
      leaveEndpoint(connection);
      const picked = pick(connection, service, tried, now);
      if (picked >= 0) return picked;
      // Only full endpoints are left. Where other clients may wait for them, so may this one; else its connect has failed.
      return picked === FULL && joins(connection, service.id, now, true) ? WAIT : refuse(connection, 'connect_failed');
    },

    connected(connection) {
      const endpoint = connections.endpoint[connection] ?? NONE;
      if (endpoint === NONE) return;
      const now = performance.now();
      connections.connectedAt[connection] = now;
      count.connected(connections.service[connection] ?? 0, endpoint, now - (connections.startedAt[connection] ?? now));
      evidence.connected(endpoint, connections.attemptAt[connection] ?? 0);
    },

    preamble: (connection) => preambles.of(connection, endpoints.all[connections.endpoint[connection] ?? NONE]),

    ended(connection, end: EndCode, bytesIn, bytesOut) {
      const service = connections.service[connection] ?? NONE;
      entry.ended(connection, service);
      ended(connection, service, end, cutCause, bytesIn, bytesOut);
      leaveEndpoint(connection);
      queue.leave(connection, service);
      if (connections.tried[connection] !== undefined) connections.tried[connection] = undefined;
      if (connections.refusal[connection] !== undefined) connections.refusal[connection] = undefined;
      preambles.forget(connection);
      sourceLimits.leave(connection);
      admission.release(connection, service);
    },

    ...targets,
    use(snapshot) {
      const moved = targets.use(snapshot);
      // An endpoint may have come up, or have fewer connections than before.
      services.forEach((service) => service !== undefined && queue.room(service.id));
      return moved;
    },
    cutFor(cause) {
      const before = cutCause;
      cutCause = cause;
      return before;
    },
    counters(bytes) {
      for (const { service, now, total } of parts.queue.waiting.counts()) count.waiting(service, now, total);
      return count.values(bytes);
    },
    evidence,
    ...(services.some((service) => service?.runtime.overloadPolicy === 'queue') && { called: () => queue.called() }),
    close: () => queue.close(),
  };
}
