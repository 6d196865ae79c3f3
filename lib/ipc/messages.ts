// The whole conversation between the primary and a worker: two closed unions, one for each direction.
//
//   primary → worker                          worker → primary
//   assignment, once                          hello   engine is chosen, ready to be told what to serve
//   snapshot (first one: before any listen)
//   listen  + bound handle                    listening | listen_failed, one for each listen
//   permits, recall                             ask, returned
//   report, reset                             counters (also twice a second by itself: the heartbeat)
//   share, take, adopt                        giving, given, adopting, adopted, took: connections go from worker to worker
//   drain                                     connect_failed, early_failures, log, records_dropped, drained (the last message)
//
// Records of connections are no messages: they go over a pipe (records.ts).

import type { ConnectFailure } from '../engine/engine.ts';
import type { Assignment, ListenerAssignment } from './assignment.ts';
import type { Catalog, Known } from './handover.ts';
import type { Snapshot } from './snapshot.ts';
import type { Standstill } from './standstill.ts';

export type ToWorker =
  | { readonly kind: 'assignment'; readonly assignment: Assignment }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  /** Comes with the bound listening handle. */
  | { readonly kind: 'listen'; readonly listener: ListenerAssignment }
  /** `granted` more permits of `pool` are the worker's (0: none to be had, stop asking until told). `thrifty`: give idle permits back at once. */
  | { readonly kind: 'permits'; readonly pool: number; readonly granted: number; readonly thrifty: boolean }
  /** Another worker has none left: give back all idle permits of `pool`, answer `returned` even when there are none, and be thrifty. */
  | { readonly kind: 'recall'; readonly pool: number }
  | { readonly kind: 'report'; readonly id: number }
  /** Cut what leads to this endpoint, also while draining; one that is down: what is connected to it. */
  | { readonly kind: 'reset'; readonly endpoint: number; readonly why: 'operator' | 'backend_down' }
  /**
   * Stop accepting, let connections finish for `timeoutMs` (null: each service's own drainMs for a stop, its reloadDrainMs
   * for a reload, 0: cut at once), send `drained`, exit. May come again; lib/drain.ts says which time counts then. `why` is
   * the reason that connections cut by it get. `handover`: where it offers its connections to another worker, answered by `giving`.
   */
  | {
      readonly kind: 'drain';
      readonly timeoutMs: number | null;
      readonly why: 'drain' | 'stopped';
      readonly handover: string | null;
    }
  /** Offer so many connections at most to the next who comes to this path, and go on; answered by `giving`. */
  | { readonly kind: 'share'; readonly path: string; readonly connections: number }
  /** Take over the connections of the worker that offers them at this path; ends with `adopted`. */
  | { readonly kind: 'take'; readonly path: string }
  /** Answers `adopting`. */
  | { readonly kind: 'adopt'; readonly path: string; readonly known: Known };

export type ToPrimary =
  /** `shares`: it sees in memory how many connections the others have, and need not be told. */
  | {
      readonly kind: 'hello';
      readonly engine: 'native' | 'js';
      readonly note: string | null;
      readonly shares: boolean;
    }
  | { readonly kind: 'listening'; readonly listener: number }
  | { readonly kind: 'listen_failed'; readonly listener: number; readonly code: string }
  /** `wanted` clients wait for a permit of `pool`; 0: none does yet, a batch ahead of need would be welcome. Answered by `permits`. */
  | { readonly kind: 'ask'; readonly pool: number; readonly wanted: number }
  | { readonly kind: 'returned'; readonly pool: number; readonly permits: number; readonly recalled: boolean }
  /** So many of its clients another worker has admitted, which gives their permits back after this. */
  | { readonly kind: 'took'; readonly pool: number; readonly permits: number }
  /** Its connections are offered at the path that `drain` or `share` named; `error`: they cannot be, by errno name, and stay. */
  | { readonly kind: 'giving'; readonly error: string | null }
  /** All that could go have gone; once. */
  | { readonly kind: 'given' }
  /** What the connections lead to that are offered at `path`. */
  | { readonly kind: 'adopting'; readonly path: string; readonly catalog: Catalog }
  /** So many were taken and not taken; `why`: the other did not simply end. `standstill`: of those taken. */
  | {
      readonly kind: 'adopted';
      readonly path: string;
      readonly connections: number;
      readonly refused: number;
      readonly why: string | null;
      readonly standstill: Standstill | null;
    }
  /**
   * `id` answers `report`, null when by itself. `services` and `endpoints`: absolute values since the worker began, of the
   * counters that have changed since its last report (counters.ts). `short`: what the machine was short of, by place and errno,
   * since then too.
   */
  | {
      readonly kind: 'counters';
      readonly id: number | null;
      readonly services: readonly number[];
      readonly endpoints: readonly number[];
      readonly short: Readonly<Record<string, number>>;
      readonly rssBytes: number;
      /** Endpoints that clients were connected to since the last report: id, and when the latest such attempt began (machine-clock.ts), in turn. */
      readonly reached: readonly number[];
      /** Endpoints that no snapshot names and no connection uses any more: these were their last values, and the ids are free. */
      readonly retired: readonly number[];
    }
  /** Sent at once for the first failure in a while, then coalesced: `count` failures of one cause. */
  | {
      readonly kind: 'connect_failed';
      readonly endpoint: number;
      readonly cause: ConnectFailure;
      readonly count: number;
      /** When the latest of these attempts began (machine-clock.ts). */
      readonly began: number;
    }
  /** It accepts clients and lets them go without a byte, the threshold's number of them in a row; `began`: the latest attempt. */
  | { readonly kind: 'early_failures'; readonly endpoint: number; readonly began: number }
  | { readonly kind: 'log'; readonly lines: readonly LogLine[]; readonly dropped: number }
  /** Records of connections that could not be kept. */
  | { readonly kind: 'records_dropped'; readonly count: number }
  | { readonly kind: 'drained'; readonly cut: number };

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly module: string;
  readonly event: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
