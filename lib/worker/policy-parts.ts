// The parts of a worker's policy, and its methods beyond those that the engine calls.

import type { LogConnections } from '../../config/plan.ts';
import type { Ends } from '../engine/ends.ts';
import type { Policy } from '../engine/engine.ts';
import type { Cause } from '../ipc/reasons.ts';
import type { Access } from './admission/access.ts';
import type { Admission } from './admission/admission.ts';
import type { SourceLimits } from './admission/source-limits.ts';
import type { QueueParts } from './admission/queue.ts';
import type { Endpoints } from './balance/endpoints.ts';
import type { Loads } from './balance/loads.ts';
import type { Connections } from './connections.ts';
import type { Count, Counters } from './report/count.ts';
import type { Evidence } from './report/evidence.ts';
import type { Records } from './report/records.ts';
import type { Reporter } from './report/reporter.ts';
import type { Routing } from './routing/routing.ts';
import type { Targets } from './targets.ts';

export interface WorkerPolicy extends Policy, Targets {
  /** Returns where a client that was held for a permit goes, now that it got one or did not. */
  decide(connection: number, admitted: boolean): number;
  /** Sets the cause that connections cut from now on are counted under. Returns the previous one. */
  cutFor(cause: Cause): Cause;
  /** See Count.values(). */
  counters(bytes: Float64Array): Counters;
  readonly evidence: Pick<Evidence, 'reached' | 'reported'>;
  close(): void;
}

export interface PolicyParts {
  readonly logConnections: LogConnections;
  readonly routing: Routing;
  readonly connections: Connections;
  readonly endpoints: Endpoints;
  readonly count: Count;
  readonly loads: Loads;
  readonly access: Access;
  readonly sourceLimits: Pick<SourceLimits, 'enter' | 'leave'>;
  readonly admission: Admission;
  readonly queue: Pick<QueueParts, 'board' | 'waiting' | 'settled'>;
  readonly reporter: Reporter;
  readonly records: Records;
  /** Whether the draining worker has cut the service's connections: no client gets it any more. */
  isOver(service: number): boolean;
  /** All five are the engine's. Only it knows the client's address, also one that a proxy conveyed. */
  clientAddress(connection: number): string;
  clientIp(connection: number): Uint8Array | null;
  ends(connection: number): Ends;
  take(connection: number, bytes: number): void;
  setClient(connection: number, ip: Uint8Array, port: number): void;
}
