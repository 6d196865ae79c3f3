// The decisions of a worker: whether a client is admitted, which backend it gets, which comes next when a connect
// fails. The only place where a backend is chosen. Hot path: called by the engine two to four times for each
// connection, with numbers only.

// The binding of a module, not the global: that is looked up anew in every call.
import { performance } from 'node:perf_hooks';

import type { ConnectFailure, ConnectFailureCode, EndCode, Policy } from '../engine/engine.ts';
import { CONNECT_FAILURES, REFUSE, WAIT } from '../engine/engine.ts';
import type { BackendField } from '../ipc/counters.ts';
import type { Cause } from '../ipc/reasons.ts';
import { FAILED, reasonOf } from '../ipc/reasons.ts';
import type { ServiceTable, Table } from '../ipc/table.ts';
import type { Admission } from './admission/admission.ts';
import type { Tried } from './balance/balancer.ts';
import { choose, firstPosition, retriesAllowed } from './balance/balancer.ts';
import { createConnections } from './connections.ts';
import { createCount } from './report/count.ts';
import { createEvidence } from './report/evidence.ts';
import type { FailedTry } from './report/record-buffer.ts';
import { MAX_TRIED } from './report/record-buffer.ts';
import type { Records } from './report/records.ts';
import type { Reporter } from './report/reporter.ts';

/** Beyond the first attempt, a client waits for further ones at most so many connect timeouts. */
const BUDGET_TIMEOUTS = 2;
const NONE = -1;

const FAILURE_FIELD: Readonly<Record<ConnectFailure, BackendField>> = {
  refused: 'refused_total',
  timeout: 'timeout_total',
  unreachable: 'other_total',
  reset: 'other_total',
  local: 'local_total',
  other: 'other_total',
};

export interface WorkerPolicy extends Policy {
  /** Replaces the table by a newer one of the same generation. */
  use(table: Table): void;
  /** For a client that was held for a slot: where it goes now that it got one, or did not. */
  decide(connection: number, admitted: boolean): number;
  /** Connections cut from now on are counted as this. */
  cutFor(cause: 'drain' | 'stopped'): void;
  /** Absolute values, laid out by ipc/counters.ts. `bytes` is the engine's. */
  counters(bytes: Float64Array): Float64Array;
  /** See Evidence.takeReached(). */
  takeReached(): number[];
}

export interface PolicyParts {
  readonly admission: Admission;
  readonly reporter: Reporter;
  readonly records: Records;
  /** The engine's; called for records only. */
  clientAddress(connection: number): string;
}

function hasLocal(tried: ReadonlyMap<number, ConnectFailure>): boolean {
  for (const cause of tried.values()) if (cause === 'local') return true;
  return false;
}

/** `worker` is the worker's id: workers begin their rounds at different backends. */
export function createPolicy(first: Table, worker: number, parts: PolicyParts): WorkerPolicy {
  const { admission, reporter, records } = parts;
  let table = first;
  let cutCause: Cause = 'drain';
  const routes = first.services.flatMap((service) => service.routes);
  const count = createCount(first.services.length, routes.length);
  const connections = createConnections();
  /** Live connections of this worker for each backend. */
  const own = new Int32Array(routes.length);
  const evidence = createEvidence(routes.length);
  evidence.learn(first);
  const positions = first.services.map(({ routes: { length }, start }) => firstPosition(worker, start, length));

  function setBackend(connection: number, backend: number): void {
    const before = connections.backend[connection] ?? NONE;
    if (before === backend) return;
    if (before !== NONE) {
      own[before] = (own[before] ?? 0) - 1;
      count.using(before, -1);
    }
    connections.backend[connection] = backend;
    if (backend === NONE) return;
    own[backend] = (own[backend] ?? 0) + 1;
    count.using(backend, 1);
  }

  function refuse(connection: number, cause: Cause): number {
    setBackend(connection, NONE);
    connections.refusal[connection] = cause;
    return REFUSE;
  }

  /** The next backend for the connection, or REFUSE when none is left. */
  function next(connection: number, index: number, service: ServiceTable, tried: Tried | null, now: number): number {
    const chosen = choose(service, positions[index] ?? 0, tried, own, evidence.skipUntil, now);
    const route = service.routes[chosen];
    if (route === undefined) return refuse(connection, tried === null ? 'no_backend' : 'connect_failed');
    positions[index] = chosen + 1;
    connections.attemptAt[connection] = now;
    setBackend(connection, route.backend);
    return route.backend;
  }

  function begin(connection: number, index: number, now: number): number {
    const service = table.services[index];
    if (service === undefined) return refuse(connection, 'no_backend');
    connections.startedAt[connection] = now;
    return next(connection, index, service, null, now);
  }

  function record(
    connection: number,
    index: number,
    end: EndCode,
    now: number,
    bytesIn: number,
    bytesOut: number,
  ): void {
    const reason = reasonOf(end, connections.refusal[connection] ?? cutCause);
    const durationMs = now - (connections.acceptedAt[connection] ?? now);
    const connectedAt = connections.connectedAt[connection] ?? 0;
    const backend = connections.backend[connection] ?? NONE;
    const tried = connections.tried[connection];
    count.ended(index, reason, durationMs, connectedAt === 0 ? null : backend, bytesOut === 0);
    if (tried !== undefined && reason === 'connect_failed' && hasLocal(tried)) count.failedLocally(index);
    if (table.logConnections === 'none' || (table.logConnections === 'failed' && !FAILED.has(reason))) return;
    records.add({
      client: parts.clientAddress(connection),
      service: table.services[index]?.name ?? '',
      backend: routes[backend]?.name ?? null,
      attempts: (tried?.size ?? 0) + (backend === NONE ? 0 : 1),
      tried: tried === undefined ? null : failedTries(tried),
      connectMs: connectedAt === 0 ? null : connectedAt - (connections.startedAt[connection] ?? connectedAt),
      durationMs,
      bytesIn,
      bytesOut,
      reason,
    });
  }

  /** As a record names them, which names only the first of very many. */
  function failedTries(tried: ReadonlyMap<number, ConnectFailure>): FailedTry[] {
    return [...tried].slice(0, MAX_TRIED).map(([backend, cause]) => ({ backend: routes[backend]?.name ?? '', cause }));
  }

  return {
    accepted(connection, index) {
      const now = performance.now();
      connections.reserve(connection);
      connections.service[connection] = index;
      connections.backend[connection] = NONE;
      connections.acceptedAt[connection] = now;
      connections.connectedAt[connection] = 0;
      count.accepted(index);
      const answer = admission.admit(connection, index, now);
      if (answer === 'yes') return begin(connection, index, now);
      return answer === 'wait' ? WAIT : refuse(connection, 'overload');
    },

    decide(connection, admitted) {
      const index = connections.service[connection] ?? 0;
      return admitted ? begin(connection, index, performance.now()) : refuse(connection, 'overload');
    },

    failed(connection, code: ConnectFailureCode) {
      const index = connections.service[connection] ?? 0;
      const service = table.services[index];
      const backend = connections.backend[connection] ?? NONE;
      if (service === undefined || backend === NONE) return refuse(connection, 'connect_failed');
      const now = performance.now();
      const cause = CONNECT_FAILURES[code];
      const began = connections.attemptAt[connection] ?? 0;
      count.failed(backend, FAILURE_FIELD[cause]);
      // This worker stays away at once; the primary's next table says what is true. A shortage of our own says nothing
      // about the backend.
      if (cause !== 'local') evidence.failed(backend, began, now + service.cooldownMs);
      reporter.connectFailed(backend, cause, began);
      const tried = (connections.tried[connection] ??= new Map());
      tried.set(backend, cause);
      const late = now - (connections.startedAt[connection] ?? 0) > BUDGET_TIMEOUTS * service.connectTimeoutMs;
      if (late || tried.size > retriesAllowed(service.routes.length, service.guarded)) {
        return refuse(connection, 'connect_failed');
      }
      return next(connection, index, service, tried, now);
    },

    connected(connection) {
      const backend = connections.backend[connection] ?? NONE;
      if (backend === NONE) return;
      const now = performance.now();
      connections.connectedAt[connection] = now;
      count.connected(connections.service[connection] ?? 0, backend, now - (connections.startedAt[connection] ?? now));
      evidence.connected(backend, connections.attemptAt[connection] ?? 0);
    },

    ended(connection, end: EndCode, bytesIn, bytesOut) {
      const index = connections.service[connection] ?? 0;
      record(connection, index, end, performance.now(), bytesIn, bytesOut);
      setBackend(connection, NONE);
      if (connections.tried[connection] !== undefined) connections.tried[connection] = undefined;
      if (connections.refusal[connection] !== undefined) connections.refusal[connection] = undefined;
      admission.release(connection, index);
    },

    use(newer) {
      table = newer;
      evidence.learn(newer);
    },
    cutFor(cause) {
      cutCause = cause;
    },
    counters: (bytes) => count.values(bytes),
    takeReached: () => evidence.takeReached(),
  };
}
