// What this worker itself knows of each backend: when the attempts began that failed and that succeeded last. Evidence has
// a time: of two attempts the one that began later tells what is true, whichever was heard of first. Owner of how
// long this worker leaves a backend alone. On the hot path: one compare and one or two stores a connect.

import type { Table } from '../../ipc/table.ts';
import { fromMachine, toMachine } from '../../machine-clock.ts';

export interface Evidence {
  /** Until when (performance.now()) a backend is left alone because a connect has failed; indexed by backend id. */
  readonly skipUntil: Float64Array;
  /** An attempt that began then failed: the backend is left alone, unless later evidence says that it works. */
  failed(backend: number, began: number, until: number): void;
  connected(backend: number, began: number): void;
  /** The primary's checks, and what other workers' clients met. */
  learn(table: Table): void;
  /** Backends that clients were connected to since last asked: id, and when the latest such attempt began (machine's clock), in turn. */
  takeReached(): number[];
}

export function createEvidence(backends: number): Evidence {
  const skipUntil = new Float64Array(backends);
  const failedAt = new Float64Array(backends);
  /** Of the latest attempt known to have succeeded, a check included. */
  const provenAt = new Float64Array(backends);
  const connectedAt = new Float64Array(backends);
  const toldAt = new Float64Array(backends);

  function prove(backend: number, began: number): void {
    if (began <= (provenAt[backend] ?? 0)) return;
    provenAt[backend] = began;
    if (began >= (failedAt[backend] ?? 0)) skipUntil[backend] = 0;
  }

  return {
    skipUntil,
    failed(backend, began, until) {
      if (began <= (provenAt[backend] ?? 0)) return;
      if (began > (failedAt[backend] ?? 0)) failedAt[backend] = began;
      skipUntil[backend] = until;
    },
    connected(backend, began) {
      if (began > (connectedAt[backend] ?? 0)) connectedAt[backend] = began;
      prove(backend, began);
    },
    learn({ services }) {
      for (const { routes } of services) {
        for (const { backend, provenAt: at } of routes) if (at > 0) prove(backend, fromMachine(at));
      }
    },
    takeReached() {
      const reached: number[] = [];
      for (let backend = 0; backend < backends; backend++) {
        const at = connectedAt[backend] ?? 0;
        if (at <= (toldAt[backend] ?? 0)) continue;
        toldAt[backend] = at;
        reached.push(backend, toMachine(at));
      }
      return reached;
    },
  };
}
