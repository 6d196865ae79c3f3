// Endpoints that accept and then reset or end without a byte, though the client had sent something: they look well to a check, and
// their connections are short, so that least_connections would send them nearly everybody. Owner of how many in a row there were.

import { grown } from '../../grown.ts';

/** Others answer: one of them has within so many ms. */
const ANSWERED_MS = 60_000;
/** A client that is to find out whether a suspect is well again is not let go of for so long: others may come, too. */
const TRIAL_MS = 300;
/** What the primary is told of one endpoint, at most once in so many ms. */
const REPORT_MS = 50;

export interface EarlyFailures {
  /** Makes room for it. */
  reserve(endpoint: number): void;
  /** A client has got something from it. */
  answered(endpoint: number, now: number): void;
  /** A client has got nothing; whether the primary is to be told, of `others` in the same service. 0: `threshold` is off. */
  failed(endpoint: number, threshold: number, others: readonly { readonly id: number }[], now: number): boolean;
  /** It is left alone for that: when it gets clients again, one at a time. */
  onProbation(endpoint: number): void;
  /** A client goes to it now: how long the next ones are not to; 0: they may. */
  trial(endpoint: number, now: number): number;
  /** Its id may be another endpoint's next. */
  forget(endpoint: number): void;
}

export function createEarlyFailures(): EarlyFailures {
  let inARow = new Int32Array();
  /** By endpoint; 0: never. */
  let answeredAt = new Float64Array();
  let reportedAt = new Float64Array();
  let onProbation = new Int32Array();
  /** When the client began that is to find out; 0: there is none. */
  let trialAt = new Float64Array();

  function hasAnswered(endpoint: number, now: number): boolean {
    const at = answeredAt[endpoint] ?? 0;
    return at > 0 && now - at < ANSWERED_MS;
  }

  return {
    reserve(endpoint) {
      inARow = grown(inARow, endpoint);
      answeredAt = grown(answeredAt, endpoint);
      reportedAt = grown(reportedAt, endpoint);
      onProbation = grown(onProbation, endpoint);
      trialAt = grown(trialAt, endpoint);
    },
    answered(endpoint, now) {
      inARow[endpoint] = 0;
      answeredAt[endpoint] = now;
      onProbation[endpoint] = 0;
    },
    failed(endpoint, threshold, others, now) {
      // Of a suspect one is enough.
      const count = Math.max((inARow[endpoint] ?? 0) + 1, onProbation[endpoint] === 1 ? threshold : 0);
      inARow[endpoint] = count;
      trialAt[endpoint] = 0;
      if (threshold === 0 || count < threshold) return false;
      if (count > threshold && now - (reportedAt[endpoint] ?? 0) < REPORT_MS) return false;
      // Where nobody answers, as where clients only send, that is no failure of one of them.
      if (!others.some(({ id }) => id !== endpoint && hasAnswered(id, now))) return false;
      reportedAt[endpoint] = now;
      return true;
    },
    onProbation(endpoint) {
      onProbation[endpoint] = 1;
      trialAt[endpoint] = 0;
    },
    trial(endpoint, now) {
      if (onProbation[endpoint] !== 1) return 0;
      const began = trialAt[endpoint] ?? 0;
      if (began > 0 && now - began >= TRIAL_MS) {
        onProbation[endpoint] = inARow[endpoint] = 0;
        return 0;
      }
      trialAt[endpoint] = now;
      return TRIAL_MS;
    },
    forget(endpoint) {
      inARow[endpoint] = answeredAt[endpoint] = reportedAt[endpoint] = onProbation[endpoint] = trialAt[endpoint] = 0;
    },
  };
}
