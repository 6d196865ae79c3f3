// The recent results of checks and clients at one backend, with equal results folded into one. Pure.

import type { ConnectFailure } from '../../../engine/engine.ts';

/** Why a check or a connect failed. `bad_answer`: a check was connected but got a wrong answer. */
export type Cause = ConnectFailure | 'dns' | 'bad_answer';

/** Equal results with nothing contradictory in between, folded into one for `why`. `wall` times are ms since 1970, for display only. */
export interface Evidence {
  readonly source: 'check' | 'connect';
  /** null: it succeeded. */
  readonly cause: Cause | null;
  /** What was wrong with the answer, for people; null if the cause says it all. */
  readonly fact: string | null;
  readonly count: number;
  readonly firstWall: number;
  readonly lastWall: number;
  /** Monotonic time of the last one. */
  readonly at: number;
}

export type FailedCause = Exclude<Cause, 'local'>;

/**
 * `began` is the monotonic time at which the connect began, `wall` is Date.now() when the result came. `durationMs` includes
 * resolving.
 */
export type CheckResult =
  /** The name's addresses are new or have changed. Comes before the result of the same check. */
  | { readonly kind: 'resolved'; readonly ips: readonly string[]; readonly wall: number }
  | {
      readonly kind: 'passed';
      /** `connect`: a client's connect stands for the check. */
      readonly source: Evidence['source'];
      /** null: the address that clients are sent to already. */
      readonly ip: string | null;
      readonly began: number;
      /** Monotonic: when the result came. */
      readonly at: number;
      /** How many in a row this stands for: a steady backend's checks are reported together. `began` is the latest one's. */
      readonly count: number;
      readonly durationMs: number;
      readonly wall: number;
    }
  | {
      readonly kind: 'failed';
      readonly cause: FailedCause;
      readonly fact: string | null;
      readonly began: number;
      readonly durationMs: number;
      readonly wall: number;
    };

/**
 * How certain it is that a backend works. `steady`: up, and nothing has failed since the last passed check; `in_doubt`: up, but
 * something has.
 */
export type Standing = 'steady' | 'in_doubt' | 'not_up';

const EVIDENCE_KEPT = 8;

/** Adds one result to `evidence`, with the latest at the end. */
export function remember(
  evidence: readonly Evidence[],
  source: Evidence['source'],
  cause: Cause | null,
  fact: string | null,
  times: number,
  wall: number,
  now: number,
): readonly Evidence[] {
  // Checks and clients' connects alternate. While they agree, neither pushes out older results.
  const since = evidence.findLastIndex((past) => (past.cause === null) !== (cause === null));
  const place = evidence.findIndex(
    (past, i) => i > since && past.source === source && past.cause === cause && past.fact === fact,
  );
  const same = evidence[place];
  if (same !== undefined) {
    const { count, firstWall } = same;
    // Not a spread, for the same reason as in backend.ts: most checks come here.
    const more = { source, cause, fact, count: count + times, firstWall, lastWall: wall, at: now };
    return place === evidence.length - 1 ? evidence.with(place, more) : [...evidence.toSpliced(place, 1), more];
  }
  const latest = { source, cause, fact, count: times, firstWall: wall, lastWall: wall, at: now };
  return [...evidence.slice(-(EVIDENCE_KEPT - 1)), latest];
}
