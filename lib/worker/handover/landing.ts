// Where connections land that were on their way from worker to worker: what they lead to is made known first, and what was done to
// all others meanwhile is done to them then.

import type { Engine } from '../../engine/engine.ts';
import type { ServiceAssignment } from '../../ipc/assignment.ts';
import type { Known } from '../../ipc/handover.ts';
import type { Cause } from '../../ipc/reasons.ts';
import type { Snapshot } from '../../ipc/snapshot.ts';
import type { Moved } from '../balance/endpoints.ts';
import type { Connections } from '../connections.ts';

export interface Landing {
  /** What connections lead to that come from another worker. */
  learn(known: Known): void;
  /** These go on here. */
  hasIt(its: readonly number[]): void;
  /** The connections to it are cut; some may be on their way. */
  reset(endpoint: number, why: Cause): void;
}

export interface LandingParts {
  readonly engine: Pick<Engine, 'service' | 'route' | 'cut'>;
  readonly connections: Connections;
  /** All that this worker knows, to be added to. */
  readonly services: ServiceAssignment[];
  readonly adopt: (services: readonly ServiceAssignment[], endpoints: Snapshot['endpoints']) => readonly Moved[];
  /** See Draining.landed(). */
  readonly landed: (connection: number, service: number) => void;
  readonly cutFor: (cause: Cause) => Cause;
}

export function createLanding({ engine, connections, services, adopt, landed, cutFor }: LandingParts): Landing {
  /** By endpoint: why, and when; those that were connected later are not meant. */
  const resets = new Map<number, { readonly why: Cause; readonly at: number }>();

  function cut(connection: number, why: Cause): void {
    const before = cutFor(why);
    engine.cut({ connections: [connection] });
    cutFor(before);
  }

  return {
    learn({ services: its, endpoints }) {
      for (const { service } of its) {
        if (services.some(({ id }) => id === service.id)) continue;
        services.push(service);
        engine.service(service.id, { ...service.runtime, preamble: service.preamble });
      }
      const moved = adopt(
        its.map(({ service }) => service),
        endpoints.map(({ endpoint }) => endpoint),
      );
      for (const { id, service, ip, port, sources } of moved) engine.route(id, service, ip, port, sources);
    },
    hasIt(its) {
      for (const connection of its) {
        const reset = resets.get(connections.endpoint[connection] ?? -1);
        if (reset !== undefined && (connections.connectedAt[connection] ?? 0) <= reset.at) cut(connection, reset.why);
        else landed(connection, connections.service[connection] ?? -1);
      }
    },
    reset(endpoint, why) {
      resets.set(endpoint, { why, at: performance.now() });
    },
  };
}
