// The policy's side of a connection that goes from one worker to another: what it knows of it, and that it is counted with the
// one that has it. Whoever takes counts it before whoever gives counts it no more, so that no limit is ever exceeded.

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

/** What keeps a connection while it is offered: its permits, which are not given back by its leaving the engine. */
export interface Packed {
  readonly parcel: Parcel;
  /** The machine's clock: since when it stands still. */
  readonly releasedAt: number;
  readonly held: number;
  /** Where its source is counted, see SourceLimits.detach(). */
  readonly source: number;
}

/**
 * Which may go. Of a worker that ends: those that a reload does not leave with it, or `all`, whatever their service says. `share`:
 * of one that goes on, those that have been here for a moment, and first those in which nothing moves.
 */
export type Going = 'reloaded' | 'all' | 'share';

export interface Parcels {
  /** Connections that have a backend and may go, as long as the caller asks for more. */
  ready(which: Going): Generator<number>;
  /** Some have no backend yet, and may go when they have. */
  isConnecting(which: Going): boolean;
  /** The endpoint of a connection that is ready. */
  leadsTo(connection: number): number;
  /** What leads nowhere else is forgotten here; it still counts. */
  pack(connection: number): Packed;
  /** Nobody has taken it: it goes on here, maybe under another id. */
  unpack(packed: Packed, connection: number): void;
  /** They are another worker's now. */
  gone(packed: readonly Packed[]): void;
  /** This worker may have one more. */
  readonly hasRoom: boolean;
  /** This worker's now; `service` and `endpoint` are the ids of it here. */
  arrived(connection: number, parcel: Parcel): void;
  /** The primary is to know of all that arrived before whoever gave them counts them no more. */
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
/** Whoever is younger may soon be over; what has not moved for so long is not missed while it is on its way. */
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

  /** Those of services whose connections may go, that have a backend or are being connected. */
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

  /** They may be gone, or have come anew, by the time that the second round looks. */
  function* quietFirst(): Generator<number> {
    const since = performance.now() - SETTLED_MS;
    for (const connection of connected('share', since)) if (engine.quietFor(connection) >= SETTLED_MS) yield connection;
    yield* connected('share', since);
  }

  return {
    ready: (which) => (which === 'share' ? quietFirst() : connected(which)),
    isConnecting(which) {
      for (const connection of candidates(which)) if (connections.connectedAt[connection] === 0) return true;
      return false;
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
      // It is there, however many there are.
      loads.take(parcel.endpoint, 0);
      count.moved(parcel.service, parcel.endpoint, 1);
      admission.arrived(connection, parcel.service);
      sourceLimits.arrived(connection, parcel.service);
    },
    settled: () => admission.settled(),
  };
}

/** Where a reload gives the old connections a time, they keep their worker, which ends them then. */
function mayGo({ runtime }: Pick<ServiceAssignment, 'runtime'>): boolean {
  return runtime.reloadDrainMs === 0;
}
