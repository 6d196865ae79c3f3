// The decisions of a worker: whether a client is admitted, which backend it gets, which comes next when a connect
// fails, and the counting of all of it. The only place where a backend is chosen. Hot path: called by the engine two to
// four times for each connection, with numbers only.

import type { ConnectFailureCode, EndCode, Policy } from '../engine/engine.ts';
import { CONNECT_FAILURES, ENDS, REFUSE, WAIT } from '../engine/engine.ts';
import type { BackendField } from '../ipc/counters.ts';
import { BACKEND_FIELDS, SERVICE_FIELDS, backendAt, counterLength, serviceAt } from '../ipc/counters.ts';
import type { ServiceTable, Table } from '../ipc/table.ts';
import type { Admission } from './admission.ts';
import { choose, firstPosition, retriesAllowed } from './balancer.ts';
import { createConnections } from './connections.ts';
import type { Reporter } from './reporter.ts';

/** Beyond the first attempt, a client waits for further ones at most so many connect timeouts. */
const BUDGET_TIMEOUTS = 2;
const NONE = -1;

export interface WorkerPolicy extends Policy {
  /** Replaces the table by a newer one of the same generation. */
  use(table: Table): void;
  /** For a client that was held for a slot: where it goes now that it got one, or did not. */
  decide(connection: number, admitted: boolean): number;
  /** Absolute values, laid out by ipc/counters.ts. `bytes` is the engine's. */
  counters(bytes: Float64Array): number[];
}

// Offsets within a service's and a backend's fields, computed once: the hot path only adds.
const ACTIVE = serviceAt(0, 'active');
const ACCEPTED = serviceAt(0, 'accepted_total');
const OVERLOAD = serviceAt(0, 'overload_total');
const NO_BACKEND = serviceAt(0, 'no_backend_total');
const ENDED = serviceAt(0, `ended_${ENDS[0]}_total`);
const B_ACTIVE = backendAt(0, 0, 'active');
const B_CONNECTIONS = backendAt(0, 0, 'connections_total');
const FAILURE_FIELD: Readonly<Record<(typeof CONNECT_FAILURES)[number], BackendField | null>> = {
  refused: 'refused_total',
  timeout: 'timeout_total',
  unreachable: 'other_total',
  reset: 'other_total',
  local: null,
  other: 'other_total',
};

/** `worker` is the worker's id: workers begin their rounds at different backends. */
export function createPolicy(first: Table, worker: number, admission: Admission, reporter: Reporter): WorkerPolicy {
  let table = first;
  const services = first.services.length;
  const backends = first.services.reduce((sum, service) => sum + service.routes.length, 0);
  const values = new Float64Array(counterLength(services, backends));
  const serviceFields = SERVICE_FIELDS.length;
  const backendFields = BACKEND_FIELDS.length;
  const backendBase = services * serviceFields;
  const connections = createConnections();
  /** Live connections of this worker for each backend. */
  const own = new Int32Array(backends);
  /** Until when (performance.now()) this worker leaves a backend alone because a connect just failed. */
  const skipUntil = new Float64Array(backends);
  const positions = first.services.map(
    (service) => (firstPosition(worker, service.routes.length) + service.start) % Math.max(1, service.routes.length),
  );

  function add(index: number, amount: number): void {
    values[index] = (values[index] ?? 0) + amount;
  }

  function addToService(service: number, field: number, amount: number): void {
    add(service * serviceFields + field, amount);
  }

  function addToBackend(backend: number, field: number, amount: number): void {
    add(backendBase + backend * backendFields + field, amount);
  }

  function setBackend(connection: number, backend: number): void {
    const before = connections.backend[connection] ?? NONE;
    if (before !== NONE) {
      own[before] = (own[before] ?? 0) - 1;
      addToBackend(before, B_ACTIVE, -1);
    }
    connections.backend[connection] = backend;
    if (backend !== NONE) {
      own[backend] = (own[backend] ?? 0) + 1;
      addToBackend(backend, B_ACTIVE, 1);
    }
  }

  /** The next backend for the connection, or REFUSE when none is left. */
  function next(
    connection: number,
    index: number,
    service: ServiceTable,
    tried: Set<number> | null,
    now: number,
  ): number {
    const chosen = choose(service, positions[index] ?? 0, tried, own, skipUntil, now);
    const route = service.routes[chosen];
    if (route === undefined) {
      setBackend(connection, NONE);
      addToService(index, NO_BACKEND, 1);
      return REFUSE;
    }
    positions[index] = chosen + 1;
    setBackend(connection, route.backend);
    return route.backend;
  }

  function begin(connection: number, index: number): number {
    const service = table.services[index];
    if (service === undefined) return REFUSE;
    const now = performance.now();
    connections.startedAt[connection] = now;
    return next(connection, index, service, null, now);
  }

  return {
    accepted(connection, index) {
      connections.reserve(connection);
      connections.service[connection] = index;
      connections.backend[connection] = NONE;
      addToService(index, ACCEPTED, 1);
      addToService(index, ACTIVE, 1);
      switch (admission.admit(connection, index)) {
        case 'yes':
          return begin(connection, index);
        case 'wait':
          return WAIT;
        case 'no':
          addToService(index, OVERLOAD, 1);
          return REFUSE;
      }
    },

    decide(connection, admitted) {
      const index = connections.service[connection] ?? 0;
      if (admitted) return begin(connection, index);
      addToService(index, OVERLOAD, 1);
      return REFUSE;
    },

    failed(connection, code: ConnectFailureCode) {
      const index = connections.service[connection] ?? 0;
      const service = table.services[index];
      const backend = connections.backend[connection] ?? NONE;
      if (service === undefined || backend === NONE) return REFUSE;
      const now = performance.now();
      const cause = CONNECT_FAILURES[code];
      const field = FAILURE_FIELD[cause];
      if (field !== null) {
        addToBackend(backend, backendAt(0, 0, field), 1);
        // Our own shortage says nothing about the backend; anything else keeps this worker away until the primary knows.
        skipUntil[backend] = now + service.cooldownMs;
      }
      reporter.connectFailed(backend, cause);
      const tried = (connections.tried[connection] ??= new Set());
      tried.add(backend);
      const late = now - (connections.startedAt[connection] ?? 0) > BUDGET_TIMEOUTS * service.connectTimeoutMs;
      if (late || tried.size > retriesAllowed(service.routes.length, service.guarded)) {
        setBackend(connection, NONE);
        addToService(index, NO_BACKEND, 1);
        return REFUSE;
      }
      return next(connection, index, service, tried, now);
    },

    connected(connection) {
      const backend = connections.backend[connection] ?? NONE;
      if (backend === NONE) return;
      addToBackend(backend, B_CONNECTIONS, 1);
      skipUntil[backend] = 0;
    },

    ended(connection, end: EndCode) {
      const index = connections.service[connection] ?? 0;
      addToService(index, ACTIVE, -1);
      addToService(index, ENDED + end, 1);
      setBackend(connection, NONE);
      if (connections.tried[connection] !== undefined) connections.tried[connection] = undefined;
      admission.release(connection, index);
    },

    use(newer) {
      table = newer;
    },

    counters(bytes) {
      for (let backend = 0; backend < backends; backend++) {
        values[backendAt(services, backend, 'bytes_in')] = bytes[2 * backend] ?? 0;
        values[backendAt(services, backend, 'bytes_out')] = bytes[2 * backend + 1] ?? 0;
      }
      return Array.from(values);
    },
  };
}
