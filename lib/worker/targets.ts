// The endpoints as all who keep something of each by its id: they learn of it together, and forget it together.

import type { ServiceAssignment } from '../ipc/assignment.ts';
import type { Snapshot } from '../ipc/snapshot.ts';
import type { Endpoints, Moved } from './balance/endpoints.ts';
import type { Loads } from './balance/loads.ts';
import type { Connections } from './connections.ts';
import type { Count } from './report/count.ts';
import type { EarlyFailures } from './report/early-failures.ts';
import type { Evidence } from './report/evidence.ts';

export interface Targets {
  /** Returns what the engine has to be told, before anything is decided by it. */
  use(snapshot: Snapshot): readonly Moved[];
  /** What connections of another worker lead to. Returns as use() does. */
  adopt(services: readonly ServiceAssignment[], endpoints: Snapshot['endpoints']): readonly Moved[];
  /** Retired endpoints that no connection uses or has tried. */
  unused(): number[];
  /** Their ids may be other endpoints' next. */
  forget(endpoints: readonly number[]): void;
}

export interface TargetsParts {
  readonly endpoints: Endpoints;
  readonly loads: Loads;
  readonly count: Count;
  readonly early: EarlyFailures;
  readonly evidence: Evidence;
  readonly connections: Pick<Connections, 'tried'>;
}

export function createTargets({ endpoints, loads, count, early, evidence, connections }: TargetsParts): Targets {
  function reserve(its: Snapshot['endpoints']): void {
    for (const { id } of its) {
      loads.reserve(id);
      count.reserveEndpoint(id);
      early.reserve(id);
      evidence.reserve(id);
    }
  }

  /** A live connection will name it in its record. */
  function isTried(endpoint: number): boolean {
    return connections.tried.some((tried) => tried?.has(endpoint) === true);
  }

  return {
    use(snapshot) {
      const moved = endpoints.use(snapshot);
      reserve(snapshot.endpoints);
      for (let i = 0; i + 1 < snapshot.remote.length; i += 2)
        loads.setOthers(snapshot.remote[i] ?? 0, snapshot.remote[i + 1] ?? 0);
      evidence.learn(snapshot.endpoints);
      for (const { id, onProbation } of snapshot.endpoints) if (onProbation) early.onProbation(id);
      return moved;
    },
    adopt(unknown, leadTo) {
      for (const { id } of unknown) count.reserveService(id);
      reserve(leadTo);
      return endpoints.adopt(unknown, leadTo);
    },
    unused: () => [...endpoints.retired].filter((endpoint) => loads.own(endpoint) === 0 && !isTried(endpoint)),
    forget(ids) {
      for (const endpoint of ids) {
        for (const owner of [endpoints, loads, count, early, evidence]) owner.forget(endpoint);
      }
    },
  };
}
