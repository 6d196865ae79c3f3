// Moves the policy's state of a connection from one worker to another, and its counts along with it. The taker counts it before
// the giver stops counting it, so that no limit is ever exceeded.

import type { Engine } from '../../engine/engine.ts';
import type { ServiceAssignment } from '../../ipc/assignment.ts';
import { fromMachine, toMachine } from '../../machine-clock.ts';
import type { Admission } from '../admission/admission.ts';
import type { SourceLimits } from '../admission/source-limits.ts';
import type { Endpoints } from '../balance/endpoints.ts';
import type { Loads } from '../balance/loads.ts';
import type { Connections } from '../connections.ts';
import type { Count } from '../report/count.ts';
import type { Parcel } from './protocol.ts';

/** The state of an offered connection. It keeps its permits although it has left the engine. */
export interface Packed {
  readonly parcel: Parcel;
  /** When it was released and came to a standstill, on the machine's clock. */
  readonly releasedAt: number;
  readonly held: number;
  /** The slot of its source, see SourceLimits.detach(). */
  readonly source: number;
}

/**
 * Which connections may go. `reloaded`: those whose service does not limit their time after a reload. `all`: every one. `share`:
 * of a worker that goes on, those that have been here for a moment, quiet ones first.
 */
export type Going = 'reloaded' | 'all' | 'share';

export interface Parcels {
  /** Yields connections that have a backend and may go. */
  ready(which: Going): Generator<number>;
  /** What is left of the connections that may go: some that connect, some that cannot go now, or none with a backend. */
  left(which: Going): 'connecting' | 'connected' | 'none';
  /** Returns the endpoint of a connection that is ready. */
  leadsTo(connection: number): number;
  /** Returns a connection's state and clears it here. The connection still counts. */
  pack(connection: number): Packed;
  /** Restores a connection that nobody has taken, possibly under another id. */
  unpack(packed: Packed, connection: number): void;
  /** Stops counting connections that another worker has taken. */
  gone(packed: readonly Packed[]): void;
  /** Whether this worker may take one more. */
  readonly hasRoom: boolean;
  /** Counts a connection taken by this worker; `service` and `endpoint` are this worker's ids. */
  arrived(connection: number, parcel: Parcel): void;
  /** Reports all arrivals to the primary; call before the giver stops counting them. */
  settled(): void;
}

export interface ParcelsParts {
  readonly engine: Pick<Engine, 'quietFor'>;
  readonly connections: Connections;
  readonly endpoints: Pick<Endpoints, 'services'>;
  readonly loads: Loads;
  readonly count: Count;
  readonly admission: Pick<Admission, 'detach' | 'attach' | 'left' | 'arrived' | 'settled' | 'hasRoom'>;
  readonly sourceLimits: Pick<SourceLimits, 'detach' | 'attach' | 'left' | 'arrived'>;
}

const NONE = -1;
/** A younger connection may end soon; one quiet for this long is not missed while it moves. */
const SETTLED_MS = 1000;

export function createParcels({
  engine,
  connections,
  endpoints,
  loads,
  count,
  admission,
  sourceLimits,
}: ParcelsParts): Parcels {
  function put(connection: number, parcel: Parcel): void {
    connections.reserve(connection);
    connections.service[connection] = parcel.service;
    connections.endpoint[connection] = parcel.endpoint;
    connections.acceptedAt[connection] = fromMachine(parcel.acceptedAt);
    connections.startedAt[connection] = fromMachine(parcel.startedAt);
    connections.connectedAt[connection] = fromMachine(parcel.connectedAt);
    connections.attemptAt[connection] = fromMachine(parcel.attemptAt);
    if (parcel.uniqueId !== null) connections.uniqueId[connection] = parcel.uniqueId;
    connections.tried[connection] = parcel.tried.length === 0 ? undefined : new Map(parcel.tried);
  }

  /** Yields connections with a backend or a pending connect, of services whose connections may go. */
  function* candidates(which: Going): Generator<number> {
    for (let connection = 0; connection < connections.endpoint.length; connection++) {
      if (connections.endpoint[connection] === NONE || connections.attemptAt[connection] === 0) continue;
      const service = endpoints.services[connections.service[connection] ?? NONE];
      if (service !== undefined && (which !== 'reloaded' || mayGo(service))) yield connection;
    }
  }

  function* connected(which: Going, since = Infinity): Generator<number> {
    for (const connection of candidates(which)) {
      const at = connections.connectedAt[connection] ?? 0;
      if (at !== 0 && at <= since) yield connection;
    }
  }

  /** Two passes: connections may have gone or arrived by the second one. */
  function* quietFirst(): Generator<number> {
    const since = performance.now() - SETTLED_MS;
    for (const connection of connected('share', since)) if (engine.quietFor(connection) >= SETTLED_MS) yield connection;
    yield* connected('share', since);
  }

  return {
    ready: (which) => (which === 'share' ? quietFirst() : connected(which)),
    left(which) {
      let left: 'connected' | 'none' = 'none';
      for (const connection of candidates(which)) {
        if (connections.connectedAt[connection] === 0) return 'connecting';
        left = 'connected';
      }
      return left;
    },
    leadsTo: (connection) => connections.endpoint[connection] ?? NONE,
    pack(connection) {
      const at = (times: Float64Array): number => toMachine(times[connection] ?? 0);
      const parcel: Parcel = {
        id: connection,
        service: connections.service[connection] ?? 0,
        endpoint: connections.endpoint[connection] ?? 0,
        acceptedAt: at(connections.acceptedAt),
        startedAt: at(connections.startedAt),
        connectedAt: at(connections.connectedAt),
        attemptAt: at(connections.attemptAt),
        tried: [...(connections.tried[connection] ?? [])],
        uniqueId: connections.uniqueId[connection] ?? null,
      };
      if (parcel.uniqueId !== null) connections.uniqueId[connection] = undefined;
      connections.endpoint[connection] = NONE;
      connections.tried[connection] = undefined;
      const releasedAt = toMachine(performance.now());
      return { parcel, releasedAt, held: admission.detach(connection), source: sourceLimits.detach(connection) };
    },
    unpack({ parcel, held, source }, connection) {
      put(connection, parcel);
      admission.attach(connection, held);
      sourceLimits.attach(connection, source);
    },
    gone(packed) {
      for (const { parcel, source } of packed) {
        sourceLimits.left(source);
        loads.release(parcel.endpoint);
        count.moved(parcel.service, parcel.endpoint, -1);
      }
      admission.left(packed.map(({ parcel, held }) => ({ service: parcel.service, held })));
    },
    get hasRoom() {
      return admission.hasRoom;
    },
    arrived(connection, parcel) {
      put(connection, parcel);
      // It exists, so count it whatever the limit.
      loads.take(parcel.endpoint, 0);
      count.moved(parcel.service, parcel.endpoint, 1);
      admission.arrived(connection, parcel.service);
      sourceLimits.arrived(connection, parcel.service);
    },
    settled: () => admission.settled(),
  };
}

/** If a reload limits the time of old connections, they stay with their worker, which ends them then. */
function mayGo({ runtime }: Pick<ServiceAssignment, 'runtime'>): boolean {
  return runtime.reloadDrainMs === 0;
}
