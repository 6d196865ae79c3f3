// The events of a backend: checks, workers' reports and DNS.

import type { ConnectFailure } from '../../engine/engine.ts';
import type { Cause, CheckResult, Evidence } from './health/evidence.ts';

/** `wall` is Date.now() when the event arrived, `began` when its attempt began (monotonic). */
export type BackendEvent =
  | {
      readonly kind: 'passed';
      readonly backend: number;
      /** A client's connect counts as a check. */
      readonly source: Evidence['source'];
      /** Null means the current address. */
      readonly ip: string | null;
      readonly began: number;
      /** Monotonic: when the result came. */
      readonly at: number;
      /** How many in a row it stands for. */
      readonly count: number;
      readonly wall: number;
    }
  | {
      readonly kind: 'failed';
      readonly backend: number;
      readonly cause: Cause;
      /** As in Evidence. */
      readonly fact: string | null;
      readonly began: number;
      readonly wall: number;
    }
  /** A worker's report: `count` failures of one cause at about the same time. */
  | {
      readonly kind: 'connect_failed';
      readonly backend: number;
      readonly cause: ConnectFailure;
      readonly count: number;
      readonly guarded: boolean;
      /** When the latest of them began. */
      readonly began: number;
      readonly wall: number;
    }
  /** A worker's report: several clients in a row got nothing from the backend. `began`: the latest of their attempts. */
  | { readonly kind: 'early_failures'; readonly backend: number; readonly began: number; readonly wall: number }
  | { readonly kind: 'resolved'; readonly backend: number; readonly ips: readonly string[]; readonly wall: number };

/** The event of a passed check. Does not spread the result: a spread costs a microsecond for each check. */
export function passedEvent(
  { source, ip, began, at, count, wall }: Extract<CheckResult, { kind: 'passed' }>,
  backend: number,
): BackendEvent {
  return { kind: 'passed', backend, source, ip, began, at, count, wall };
}
