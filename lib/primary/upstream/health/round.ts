// A round of checks by the engine's addon, in a checker's words.

import type { Round, RunningRound, TcpRounds } from '../../../engine/tcp-rounds.ts';
import type { CheckResult, Evidence } from './evidence.ts';
import type { Looked } from './look.ts';
import { causeOf } from './probe.ts';

export interface RoundEvents {
  /** Checks have passed, or clients' connects have replaced them. The round goes on. */
  readonly passed: (result: Extract<CheckResult, { kind: 'passed' }>) => void;
  /** The round is over, with a check that began then and has not passed, or was the last one. */
  readonly ended: (result: Looked, began: number) => void;
}

/** Null if the addon cannot take it. */
export function leaveTo(
  tcpRounds: TcpRounds,
  order: Omit<Round, 'passed' | 'trusted' | 'failed'>,
  now: () => number,
  { passed, ended }: RoundEvents,
): RunningRound | null {
  function result(source: Evidence['source'], count: number, began: number) {
    const ip = source === 'check' ? order.ip : null;
    const wall = Date.now() - (now() - began);
    return { kind: 'passed', source, ip, began, at: began, count, durationMs: 0, wall } as const;
  }

  return tcpRounds.begin({
    ...order,
    trusted: (count, began) => passed(result('connect', count, began)),
    passed(count, began, isLast) {
      if (isLast) ended(result('check', count, began), began);
      else passed(result('check', count, began));
    },
    failed(code, began) {
      const cause = causeOf({ code }, order.ip);
      const durationMs = now() - began;
      const wall = Date.now();
      ended(cause === 'local' ? cause : { kind: 'failed', cause, fact: null, began, durationMs, wall }, began);
    },
  });
}
