// What this worker itself knows of each endpoint: when the attempts began that failed and that succeeded last. Evidence has
// a time: of two attempts the one that began later tells what is true, whichever was heard of first. Owner of how
// long this worker leaves an endpoint alone. On the hot path: one compare and one or two stores a connect.

import type { EndpointSnapshot } from '../../ipc/snapshot.ts';
import { fromMachine, toMachine } from '../../machine-clock.ts';
import { grown } from '../../grown.ts';

export interface Evidence {
  /** Until when (performance.now()) an endpoint is left alone because a connect has failed; by endpoint. */
  readonly skipUntil: Float64Array;
  /** Makes room for this endpoint. */
  reserve(endpoint: number): void;
  /** An attempt that began then failed: the endpoint is left alone, unless later evidence says that it works. */
  failed(endpoint: number, began: number, until: number): void;
  connected(endpoint: number, began: number): void;
  /** It is left alone until then, though it can be connected to. */
  leaveAlone(endpoint: number, until: number): void;
  /** Whether it is, for that. */
  isLeftAlone(endpoint: number, now: number): boolean;
  /** The primary's checks, and what other workers' clients met. */
  learn(endpoints: readonly EndpointSnapshot[]): void;
  /** The id may be another endpoint's next. */
  forget(endpoint: number): void;
  /** Endpoints that clients were connected to since last asked: id, and when the latest such attempt began (machine's clock), in turn. */
  takeReached(): number[];
}

export function createEvidence(): Evidence {
  let failedAt = new Float64Array();
  let aloneUntil = new Float64Array();
  /** Of the latest attempt known to have succeeded, a check included. */
  let provenAt = new Float64Array();
  let connectedAt = new Float64Array();
  let reportedAt = new Float64Array();

  function prove(endpoint: number, began: number): void {
    if (began <= (provenAt[endpoint] ?? 0)) return;
    provenAt[endpoint] = began;
    if (began >= (failedAt[endpoint] ?? 0)) evidence.skipUntil[endpoint] = aloneUntil[endpoint] ?? 0;
  }

  const evidence = {
    skipUntil: new Float64Array(),
    reserve(endpoint: number) {
      evidence.skipUntil = grown(evidence.skipUntil, endpoint);
      failedAt = grown(failedAt, endpoint);
      aloneUntil = grown(aloneUntil, endpoint);
      provenAt = grown(provenAt, endpoint);
      connectedAt = grown(connectedAt, endpoint);
      reportedAt = grown(reportedAt, endpoint);
    },
    failed(endpoint: number, began: number, until: number) {
      if (began <= (provenAt[endpoint] ?? 0)) return;
      if (began > (failedAt[endpoint] ?? 0)) failedAt[endpoint] = began;
      evidence.skipUntil[endpoint] = until;
    },
    connected(endpoint: number, began: number) {
      if (began > (connectedAt[endpoint] ?? 0)) connectedAt[endpoint] = began;
      prove(endpoint, began);
    },
    leaveAlone(endpoint: number, until: number) {
      aloneUntil[endpoint] = until;
      evidence.skipUntil[endpoint] = Math.max(until, evidence.skipUntil[endpoint] ?? 0);
    },
    isLeftAlone: (endpoint: number, now: number) => (aloneUntil[endpoint] ?? 0) > now,
    learn(endpoints: readonly EndpointSnapshot[]) {
      for (const { id, provenAt: at } of endpoints) if (at > 0) prove(id, fromMachine(at));
    },
    forget(endpoint: number) {
      for (const times of [evidence.skipUntil, aloneUntil, failedAt, provenAt, connectedAt, reportedAt])
        times[endpoint] = 0;
    },
    takeReached() {
      const reached: number[] = [];
      for (let endpoint = 0; endpoint < connectedAt.length; endpoint++) {
        const at = connectedAt[endpoint] ?? 0;
        if (at <= (reportedAt[endpoint] ?? 0)) continue;
        reportedAt[endpoint] = at;
        reached.push(endpoint, toMachine(at));
      }
      return reached;
    },
  };
  return evidence;
}
