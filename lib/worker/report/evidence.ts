// This worker's evidence about each endpoint: when its last failed and successful attempts began. Of two attempts the one that
// began later counts, whichever result came first. Owns how long this worker avoids an endpoint. Hot path: one compare and one
// or two stores per connect.

import type { EndpointSnapshot } from '../../ipc/snapshot.ts';
import { fromMachine, toMachine } from '../../machine-clock.ts';
import { grown } from '../../grown.ts';

export interface Evidence {
  /** By endpoint: until when (performance.now()) it is avoided because a connect failed. */
  readonly skipUntil: Float64Array;
  /** Makes room for it. */
  reserve(endpoint: number): void;
  /** An attempt that began then failed: avoids the endpoint, unless later evidence shows that it works. */
  failed(endpoint: number, began: number, until: number): void;
  connected(endpoint: number, began: number): void;
  /** Avoids the endpoint until then, even if connects succeed. */
  leaveAlone(endpoint: number, until: number): void;
  /** Whether leaveAlone() still applies. */
  isLeftAlone(endpoint: number, now: number): boolean;
  /** Applies the results of the primary's checks and of other workers' clients. */
  learn(endpoints: readonly EndpointSnapshot[]): void;
  /** Forgets an endpoint whose id may be reused. */
  forget(endpoint: number): void;
  /** Endpoints that were connected to and are not reported: alternately id and start of the latest such attempt (machine's clock). */
  reached(): number[];
  /** The primary has been sent what reached() returned just now. */
  reported(): void;
}

export function createEvidence(): Evidence {
  let failedAt = new Float64Array();
  let aloneUntil = new Float64Array();
  /** Start of the latest successful attempt, checks included. */
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
      // A trial is shorter than a cool-down, and may begin in the middle of one.
      aloneUntil[endpoint] = Math.max(until, aloneUntil[endpoint] ?? 0);
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
    reached() {
      const reached: number[] = [];
      for (let endpoint = 0; endpoint < connectedAt.length; endpoint++) {
        const at = connectedAt[endpoint] ?? 0;
        if (at <= (reportedAt[endpoint] ?? 0)) continue;
        reached.push(endpoint, toMachine(at));
      }
      return reached;
    },
    reported() {
      reportedAt.set(connectedAt);
    },
  };
  return evidence;
}
