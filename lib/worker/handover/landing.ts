// Finishes the move of connections from worker to worker: makes their services and endpoints known first, and afterwards
// applies what was done to all other connections in the meantime. Owns the resets to be applied.

import type { Engine } from '../../engine/engine.ts';
import type { ServiceAssignment } from '../../ipc/assignment.ts';
import type { Known } from '../../ipc/handover.ts';
import type { Cause } from '../../ipc/reasons.ts';
import type { Snapshot } from '../../ipc/snapshot.ts';
import type { Moved } from '../balance/endpoints.ts';
import type { Connections } from '../connections.ts';

export interface Landing {
  /** Adds the services and endpoints of another worker's connections. */
  learn(known: Known): void;
  /** These connections continue here. */
  hasIt(its: readonly number[]): void;
  /** Remembers a reset of this endpoint, for its connections that are on their way. */
  reset(endpoint: number, why: Cause): void;
  /** Forgets endpoints whose ids may be reused. */
  forget(endpoints: readonly number[]): void;
}

export interface LandingParts {
  readonly engine: Pick<Engine, 'service' | 'route' | 'cut'>;
  readonly connections: Connections;
  /** All services of this worker; new ones are added. */
  readonly services: ServiceAssignment[];
  readonly adopt: (services: readonly ServiceAssignment[], endpoints: Snapshot['endpoints']) => readonly Moved[];
  /** See Draining.landed(). */
  readonly landed: (connection: number, service: number) => void;
  readonly cutFor: (cause: Cause) => Cause;
}

export function createLanding({ engine, connections, services, adopt, landed, cutFor }: LandingParts): Landing {
  /** By endpoint: the cause and the time. Later connections are not affected. */
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
    forget(endpoints) {
      for (const endpoint of endpoints) resets.delete(endpoint);
    },
  };
}
