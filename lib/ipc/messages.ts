// All messages between the primary and a worker: two closed unions, one for each direction.
//
//   primary → worker                          worker → primary
//   assignment, once                          hello   the engine is chosen, ready for the assignment
//   snapshot (first one: before any listen)
//   listen  + bound handle                    listening | listen_failed, one for each listen
//   permits, recall                             ask, returned
//   report, reset                             counters (also unasked twice a second: the heartbeat)
//   share, take, adopt                        giving, given, adopting, adopted, took: handover from worker to worker
//   drain                                     connect_failed, early_failures, log, records_dropped, drained (the last message)
//
// Records of connections are not messages: they go through a pipe (records.ts).

import type { ConnectFailure } from '../engine/engine.ts';
import type { Assignment, ListenerAssignment } from './assignment.ts';
import type { Catalog, Known } from './handover.ts';
import type { Snapshot } from './snapshot.ts';
import type { Standstill } from './standstill.ts';

export type ToWorker =
  | { readonly kind: 'assignment'; readonly assignment: Assignment }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  /** Sent with the bound listening handle. */
  | { readonly kind: 'listen'; readonly listener: ListenerAssignment }
  /** Grants `granted` more permits of `pool` (0: none left, wait for the next grant). `thrifty`: return idle permits at once. */
  | { readonly kind: 'permits'; readonly pool: number; readonly granted: number; readonly thrifty: boolean }
  /** Another worker has none left: return all idle permits of `pool`, answer `returned` even if there are none, and be thrifty. */
  | { readonly kind: 'recall'; readonly pool: number }
  | { readonly kind: 'report'; readonly id: number }
  /** Cut the connections to this endpoint, also while draining; if it is down, only established ones. */
  | { readonly kind: 'reset'; readonly endpoint: number; readonly why: 'operator' | 'backend_down' }
  /**
   * Stop accepting, let connections finish for `timeoutMs` (null: each service's own drainMs for a stop, its reloadDrainMs for a
   * reload; 0: cut at once), send `drained`, exit. May be repeated; lib/drain.ts says which time counts then. `why` is the end
   * reason of connections that are cut. `handover`: the path to offer connections to another worker, answered by `giving`.
   */
  | {
      readonly kind: 'drain';
      readonly timeoutMs: number | null;
      readonly why: 'drain' | 'stopped';
      readonly handover: string | null;
    }
  /** Offer up to `connections` connections to the next taker at this path, and go on serving; answered by `giving`. */
  | { readonly kind: 'share'; readonly path: string; readonly connections: number }
  /** Take over the connections of the worker that offers them at this path; ends with `adopted`. */
  | { readonly kind: 'take'; readonly path: string }
  /** Answers `adopting`. */
  | { readonly kind: 'adopt'; readonly path: string; readonly known: Known };

export type ToPrimary =
  /** `shares`: it reads the other workers' connection counts from shared memory. */
  | {
      readonly kind: 'hello';
      readonly engine: 'native' | 'js';
      readonly note: string | null;
      readonly shares: boolean;
    }
  | { readonly kind: 'listening'; readonly listener: number }
  | { readonly kind: 'listen_failed'; readonly listener: number; readonly code: string }
  /** `wanted` clients wait for a permit of `pool`; 0: none yet, this asks for a batch ahead of need. Answered by `permits`. */
  | { readonly kind: 'ask'; readonly pool: number; readonly wanted: number }
  | { readonly kind: 'returned'; readonly pool: number; readonly permits: number; readonly recalled: boolean }
  /** It has admitted clients of another worker with these `permits`, which that worker returns afterwards. */
  | { readonly kind: 'took'; readonly pool: number; readonly permits: number }
  /** It offers connections at the path of `drain` or `share`. `error`: the name of the errno if it cannot, and keeps them. */
  | { readonly kind: 'giving'; readonly error: string | null }
  /** All connections that can move have moved. `all`: only clients that wait for a backend are left, sent once too. */
  | { readonly kind: 'given'; readonly all: boolean }
  /** Where the connections offered at `path` lead. Answered by `adopt`. */
  | { readonly kind: 'adopting'; readonly path: string; readonly catalog: Catalog }
  /** The numbers of connections taken and refused. `why`: the giver did not end normally. `standstill`: of the connections taken. */
  | {
      readonly kind: 'adopted';
      readonly path: string;
      readonly connections: number;
      readonly refused: number;
      readonly why: string | null;
      readonly standstill: Standstill | null;
    }
  /**
   * `id` is that of the `report` it answers, null if unasked. `services` and `endpoints`: absolute values since the worker began,
   * of the counters that have changed since its last report (counters.ts). `short`: resource shortages since then, by place and
   * errno.
   */
  | {
      readonly kind: 'counters';
      readonly id: number | null;
      readonly services: readonly number[];
      readonly endpoints: readonly number[];
      readonly short: Readonly<Record<string, number>>;
      readonly rssBytes: number;
      /** Endpoints reached since the last report: pairs of id and the start of the latest successful attempt (machine-clock.ts). */
      readonly reached: readonly number[];
      /** Endpoints that are in no snapshot and unused by connections. These were their last values, and the ids are free. */
      readonly retired: readonly number[];
    }
  /** `count` failures with one cause. Sent at once for the first failure in a while, then coalesced. */
  | {
      readonly kind: 'connect_failed';
      readonly endpoint: number;
      readonly cause: ConnectFailure;
      readonly count: number;
      /** When the latest of these attempts began (machine-clock.ts). */
      readonly began: number;
    }
  /** The endpoint has dropped clients without a byte, as many in a row as the threshold. `began`: the start of the latest attempt. */
  | { readonly kind: 'early_failures'; readonly endpoint: number; readonly began: number }
  | { readonly kind: 'log'; readonly lines: readonly LogLine[]; readonly dropped: number }
  /** Connection records that were lost. */
  | { readonly kind: 'records_dropped'; readonly count: number }
  | { readonly kind: 'drained'; readonly cut: number };

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly module: string;
  readonly event: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
