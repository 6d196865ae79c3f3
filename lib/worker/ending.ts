// Counts and records a connection that ended.

// Imported on purpose: the global is looked up again in every call.
import { performance } from 'node:perf_hooks';

import type { LogConnections } from '../../config/plan.ts';
import type { ConnectFailure, EndCode } from '../engine/engine.ts';
import type { Cause, Reason } from '../ipc/reasons.ts';
import { FAILED, reasonOf } from '../ipc/reasons.ts';
import type { Endpoints } from './balance/endpoints.ts';
import type { Connections } from './connections.ts';
import type { Preambles } from './preamble.ts';
import type { Count } from './report/count.ts';
import type { FailedTry } from './report/record-buffer.ts';
import { MAX_TRIED } from './report/record-buffer.ts';
import type { EarlyFailures } from './report/early-failures.ts';
import type { Evidence } from './report/evidence.ts';
import type { Records } from './report/records.ts';
import type { Reporter } from './report/reporter.ts';
import type { Routing } from './routing/routing.ts';

const NONE = -1;

interface EndingParts {
  readonly logConnections: LogConnections;
  readonly connections: Connections;
  readonly routing: Pick<Routing, 'nameOf'>;
  readonly endpoints: Endpoints;
  readonly count: Count;
  readonly early: EarlyFailures;
  readonly evidence: Pick<Evidence, 'leaveAlone' | 'isLeftAlone'>;
  readonly preambles: Pick<Preambles, 'nameOf'>;
  readonly reporter: Reporter;
  readonly records: Records;
  clientAddress(connection: number): string;
}

/** Must be called before the connection's state is cleared. `cutCause`: the reason to count a cut under. */
type Ended = (
  connection: number,
  service: number,
  end: EndCode,
  cutCause: Cause,
  bytesIn: number,
  bytesOut: number,
) => void;

export function createEnding(parts: EndingParts): Ended {
  const { logConnections, connections, routing, endpoints, count, early, evidence, preambles, reporter, records } =
    parts;

  /** The failed attempts as a record lists them: at most MAX_TRIED. */
  function failedTries(tried: ReadonlyMap<number, ConnectFailure>): FailedTry[] {
    return [...tried]
      .slice(0, MAX_TRIED)
      .map(([endpoint, cause]) => ({ backend: endpoints.all[endpoint]?.name ?? '', cause }));
  }

  /** Judges the backend: it answered, or it dropped a client that had sent something. */
  function judge(
    endpoint: number,
    id: number,
    connection: number,
    reason: Reason,
    now: number,
    bytesIn: number,
    bytesOut: number,
  ): void {
    if (bytesOut > 0) return early.answered(endpoint, now);
    const service = endpoints.services[id];
    if (service === undefined || bytesIn === 0 || (reason !== 'backend_reset' && reason !== 'backend_closed')) return;
    if (!early.failed(endpoint, service.runtime.earlyFailures, service.endpoints, now)) return;
    reporter.earlyFailures(endpoint, connections.attemptAt[connection] ?? now);
    // The primary will tell all workers, but many clients may come before that. Like the primary, never exclude more than half.
    const alone = service.endpoints.filter(({ id: other }) => other !== endpoint && evidence.isLeftAlone(other, now));
    if (2 * (alone.length + 1) > service.endpoints.length) return;
    early.onProbation(endpoint);
    evidence.leaveAlone(endpoint, now + service.runtime.cooldownMs);
  }

  return (connection, service, end, cutCause, bytesIn, bytesOut) => {
    const now = performance.now();
    const reason = reasonOf(end, connections.refusal[connection] ?? cutCause);
    const durationMs = now - (connections.acceptedAt[connection] ?? now);
    const connectedAt = connections.connectedAt[connection] ?? 0;
    const endpoint = connections.endpoint[connection] ?? NONE;
    const tried = connections.tried[connection];
    count.ended(service, reason, durationMs, connectedAt === 0 ? null : endpoint, bytesOut === 0);
    if (connectedAt !== 0) judge(endpoint, service, connection, reason, now, bytesIn, bytesOut);
    if (tried !== undefined && reason === 'connect_failed' && [...tried.values()].includes('local'))
      count.failedLocally(service);
    if (logConnections === 'none' || (logConnections === 'failed' && !FAILED.has(reason))) return;
    records.add({
      client: parts.clientAddress(connection),
      service: endpoints.services[service]?.name ?? routing.nameOf(service) ?? '',
      backend: endpoints.all[endpoint]?.name ?? null,
      attempts: (tried?.size ?? 0) + (endpoint === NONE ? 0 : 1),
      tried: tried === undefined ? null : failedTries(tried),
      uniqueId: preambles.nameOf(connection),
      connectMs: connectedAt === 0 ? null : connectedAt - (connections.startedAt[connection] ?? connectedAt),
      durationMs,
      bytesIn,
      bytesOut,
      reason,
    });
  };
}
