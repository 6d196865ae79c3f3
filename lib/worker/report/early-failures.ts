// Detects endpoints that accept, then reset or close without sending a byte although the client sent something. They pass checks,
// and as their connections are short, least_connections would send them nearly every client. Owns the counts of such failures.

import { grown } from '../../grown.ts';

/** Another endpoint counts as answering if it has answered within this time. */
const ANSWERED_MS = 60_000;
/** A suspect passes its trial if it keeps the trial client this long: then others may come too. */
const TRIAL_MS = 300;
/** Shortest interval between reports about one endpoint. */
const REPORT_MS = 50;

export interface EarlyFailures {
  /** Makes room for it. */
  reserve(endpoint: number): void;
  /** A client got a byte from it. */
  answered(endpoint: number, now: number): void;
  /** A client got nothing. Returns whether to report it; `others`: the service's endpoints. `threshold` 0: off. */
  failed(endpoint: number, threshold: number, others: readonly { readonly id: number }[], now: number): boolean;
  /** Puts an endpoint that is avoided for early failures on probation: it then gets one client at a time. */
  onProbation(endpoint: number): void;
  /** A client goes to it now. Returns how long further clients must stay away; 0: they need not. */
  trial(endpoint: number, now: number): number;
  /** Forgets an endpoint whose id may be reused. */
  forget(endpoint: number): void;
}

export function createEarlyFailures(): EarlyFailures {
  let inARow = new Int32Array();
  /** By endpoint; 0: never. */
  let answeredAt = new Float64Array();
  let reportedAt = new Float64Array();
  let onProbation = new Int32Array();
  /** When the trial client started; 0: there is none. */
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
      // One failure is enough for a suspect.
      const count = Math.max((inARow[endpoint] ?? 0) + 1, onProbation[endpoint] === 1 ? threshold : 0);
      inARow[endpoint] = count;
      trialAt[endpoint] = 0;
      if (threshold === 0 || count < threshold) return false;
      if (count > threshold && now - (reportedAt[endpoint] ?? 0) < REPORT_MS) return false;
      // If no other endpoint answers, as where clients only send, this one does not fail.
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
