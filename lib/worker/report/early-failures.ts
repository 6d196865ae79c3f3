// Endpoints that accept and then reset or end without a byte, though the client had sent something: they look well to a check, and
// their connections are short, so that least_connections would send them nearly everybody. Owner of how many in a row there were.

import { grown } from '../../grown.ts';

/** Others answer: one of them has within so many ms. */
const ANSWERED_MS = 60_000;
/** What the primary is told of one endpoint, at most once in so many ms. */
const TOLD_MS = 50;

export interface EarlyFailures {
  /** Makes room for it. */
  reserve(endpoint: number): void;
  /** A client has got something from it. */
  answered(endpoint: number, now: number): void;
  /** A client has got nothing; whether the primary is to be told, of `others` in the same service. 0: `threshold` is off. */
  failed(endpoint: number, threshold: number, others: readonly { readonly id: number }[], now: number): boolean;
  /** Its id may be another endpoint's next. */
  forget(endpoint: number): void;
}

export function createEarlyFailures(): EarlyFailures {
  let inARow = new Int32Array();
  /** By endpoint; 0: never. */
  let answeredAt = new Float64Array();
  let toldAt = new Float64Array();

  function hasAnswered(endpoint: number, now: number): boolean {
    const at = answeredAt[endpoint] ?? 0;
    return at > 0 && now - at < ANSWERED_MS;
  }

  return {
    reserve(endpoint) {
      inARow = grown(inARow, endpoint);
      answeredAt = grown(answeredAt, endpoint);
      toldAt = grown(toldAt, endpoint);
    },
    answered(endpoint, now) {
      inARow[endpoint] = 0;
      answeredAt[endpoint] = now;
    },
    failed(endpoint, threshold, others, now) {
      const count = (inARow[endpoint] ?? 0) + 1;
      inARow[endpoint] = count;
      if (threshold === 0 || count < threshold) return false;
      if (count > threshold && now - (toldAt[endpoint] ?? 0) < TOLD_MS) return false;
      // Where nobody answers, as where clients only send, that is no failure of one of them.
      if (!others.some(({ id }) => id !== endpoint && hasAnswered(id, now))) return false;
      toldAt[endpoint] = now;
      return true;
    },
    forget(endpoint) {
      inARow[endpoint] = answeredAt[endpoint] = toldAt[endpoint] = 0;
    },
  };
}
