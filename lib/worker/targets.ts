// Passes endpoints to every part that keeps state by endpoint id, so that all of them learn and forget an id together.

import type { ServiceAssignment } from '../ipc/assignment.ts';
import type { Snapshot } from '../ipc/snapshot.ts';
import type { Endpoints, Moved } from './balance/endpoints.ts';
import type { Loads } from './balance/loads.ts';
import type { Connections } from './connections.ts';
import type { Count } from './report/count.ts';
import type { EarlyFailures } from './report/early-failures.ts';
import type { Evidence } from './report/evidence.ts';
import type { Records } from './report/records.ts';

export interface Targets {
  /** Applies a snapshot. Returns the routes to give to the engine before the next decision. */
  use(snapshot: Snapshot): readonly Moved[];
  /** Adds the endpoints of another worker's connections. Returns the same as use(). */
  adopt(services: readonly ServiceAssignment[], endpoints: Snapshot['endpoints']): readonly Moved[];
  /** Returns the retired endpoints that no connection uses or has tried. */
  unused(): number[];
  /** Forgets endpoints whose ids may be reused. */
  forget(endpoints: readonly number[]): void;
}

export interface TargetsParts {
  readonly endpoints: Endpoints;
  readonly loads: Loads;
  readonly count: Count;
  readonly early: EarlyFailures;
  readonly evidence: Evidence;
  readonly records: Pick<Records, 'forget'>;
  readonly connections: Pick<Connections, 'tried'>;
}

export function createTargets(parts: TargetsParts): Targets {
  const { endpoints, loads, count, early, evidence, records, connections } = parts;

  function reserve(its: Snapshot['endpoints']): void {
    for (const { id } of its) {
      loads.reserve(id);
      count.reserveEndpoint(id);
      early.reserve(id);
      evidence.reserve(id);
    }
  }

  /** Whether a live connection has tried it and will name it in its record. */
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
        const { service = -1, name = '' } = endpoints.all[endpoint] ?? {};
        records.forget(endpoints.services[service]?.name ?? '', name);
        for (const owner of [endpoints, loads, count, early, evidence]) owner.forget(endpoint);
      }
    },
  };
}
