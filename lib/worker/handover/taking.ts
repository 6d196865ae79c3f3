// Takes the connections of a giver, which listens at a path in the home. The primary first maps its services and endpoints to
// ids of ours. Connections are this worker's from `have` on, and no byte moves in them before.

import type { Channel, Channels, Received } from '../../engine/channel.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Adoption } from '../../engine/handover.ts';
import type { Catalog, Known } from '../../ipc/handover.ts';
import type { ToPrimary } from '../../ipc/messages.ts';
import { standstillOf } from '../../ipc/standstill.ts';
import { toMachine } from '../../machine-clock.ts';
import { joinCatalog, piecesOf } from './catalog.ts';
import type { Parcels } from './parcels.ts';
import type { Parcel, Message } from './protocol.ts';
import { decode, encode, PROTOCOL_VERSION } from './protocol.ts';

/** Connections taken per `have`; the giver keeps their descriptors open until then. */
const AT_A_TIME = 16;
/** Their listener is unknown here, and must not match one of ours: what is done to ours does not apply to them. */
const NO_LISTENER = -1;

export interface Taking {
  /** Starts taking what is offered at `path`. */
  begin(path: string): void;
  /** Handles the primary's answer to `adopting`. */
  know(path: string, known: Known): void;
  /** Whether connections to this endpoint may arrive. */
  expects(endpoint: number): boolean;
  /** Whether a giver's connections may arrive. */
  readonly isOpen: boolean;
  /** Takes nothing more: the rest stays with the givers. */
  close(): void;
}

export interface TakingParts {
  readonly channels: Channels;
  readonly engine: Pick<Engine, 'adopt' | 'release'>;
  readonly parcels: Parcels;
  /** See GivingParts. */
  readonly hasIt: (connections: readonly number[]) => void;
  /** Tells the engine and the policy about the services and endpoints of the connections. */
  readonly learn: (known: Known) => void;
  readonly send: (message: Extract<ToPrimary, { kind: 'adopting' | 'adopted' }>) => void;
}

interface Giver {
  readonly path: string;
  readonly channel: Channel;
  catalog: Catalog;
  /** The pieces that the primary has yet to answer; null: the catalog is not complete. */
  pieces: Generator<Catalog> | null;
  /** Its ids → ours. */
  readonly ids: { readonly services: Map<number, number>; readonly endpoints: Map<number, number> };
  /** The primary has answered all pieces, and `go` was sent. */
  isKnown: boolean;
  /** Our endpoints that its connections may lead to. */
  readonly expected: Set<number>;
  adopted: number;
  /** Standstill of each in ms. */
  readonly still: number[];
  refused: number;
}

interface Taken {
  readonly theirs: number;
  readonly connection: number;
  readonly releasedAt: number | undefined;
}

export function createTaking({ channels, engine, parcels, hasIt, learn, send }: TakingParts): Taking {
  const givers = new Map<string, Giver>();
  /** Questions that the primary has not answered. It counts the endpoints of each as known here, and only it knows their ids. */
  let asked = 0;

  function end(giver: Giver, why: string | null): void {
    if (givers.get(giver.path) !== giver) return;
    givers.delete(giver.path);
    giver.channel.close();
    const { path, adopted, refused, still } = giver;
    send({ kind: 'adopted', path, connections: adopted, refused, why, standstill: standstillOf(still) });
  }

  function receive(giver: Giver): void {
    const taken: Taken[] = [];
    while (taken.length < AT_A_TIME) {
      const received = giver.channel.receive();
      if (received === 'nothing') break;
      // Take what came before the end: no other process has it.
      if (typeof received === 'string') {
        confirm(giver, taken);
        const early = !giver.isKnown ? 'it is busy, or of another version' : null;
        return end(
          giver,
          received === 'over' ? early : 'it sent more than a connection, or there are no descriptors left for it',
        );
      }
      const trouble = understand(giver, received, taken);
      if (trouble === null) continue;
      confirm(giver, taken);
      return end(giver, trouble);
    }
    // The rest is received in the next turn of the event loop, so that other work gets its turn.
    confirm(giver, taken);
  }

  /** Confirms the taken connections: from here on they are ours. */
  function confirm(giver: Giver, taken: readonly Taken[]): void {
    if (taken.length === 0) return;
    parcels.settled();
    const outcome = giver.channel.send(encode({ kind: 'have', ids: taken.map(({ theirs }) => theirs) }));
    giver.adopted += taken.length;
    // If the giver is gone, nobody else has them.
    if (outcome === 'sent' || outcome === 'over') {
      const now = toMachine(performance.now());
      for (const { releasedAt } of taken) if (releasedAt !== undefined) giver.still.push(now - releasedAt);
      return hasIt(taken.map(({ connection }) => connection));
    }
    // The channel has room, for the giver leaves some; so memory is short. No byte has moved yet.
    giver.adopted -= taken.length;
    taken.forEach(({ connection }) => leave(connection));
    end(giver, 'it could not be told');
  }

  function leave(connection: number): void {
    const release = engine.release(connection);
    if (!release.ok) return;
    channels.discard(release.released.descriptors);
    parcels.gone([parcels.pack(connection)]);
  }

  /** Returns why nothing more can be taken from this giver, or null. */
  function understand(giver: Giver, { bytes, descriptors }: Received, taken: Taken[]): string | null {
    const decoded = decode(bytes);
    if (decoded?.message.kind !== 'offer') {
      channels.discard(descriptors);
      if (decoded?.message.kind !== 'catalog' || giver.pieces !== null) return 'it said what is not understood';
      study(giver, decoded.message);
      return null;
    }
    const { message, record } = decoded;
    const adoption = adopt(giver, message, record, descriptors);
    if (adoption.ok) {
      taken.push({ theirs: message.id, connection: adoption.connection, releasedAt: message.releasedAt });
      return null;
    }
    channels.discard(descriptors);
    giver.refused++;
    const outcome = giver.channel.send(encode({ kind: 'refuse', id: message.id, why: adoption.why }));
    // If the giver is gone, nobody else has what it offered: take the rest.
    return outcome === 'sent' || outcome === 'over' ? null : 'it could not be told';
  }

  function adopt(
    { ids, isKnown }: Giver,
    parcel: Parcel,
    record: Uint8Array,
    descriptors: readonly number[],
  ): Adoption {
    const service = ids.services.get(parcel.service);
    const endpoint = ids.endpoints.get(parcel.endpoint);
    if (!isKnown || service === undefined || endpoint === undefined) return { ok: false, why: 'unknown' };
    if (!parcels.hasRoom) return { ok: false, why: 'exhausted' };
    const adoption = engine.adopt({ record, descriptors }, { target: endpoint, listener: NO_LISTENER });
    if (!adoption.ok) return adoption;
    const tried = parcel.tried.flatMap(([id, why]) => {
      const here = ids.endpoints.get(id);
      return here === undefined ? [] : [[here, why] as const];
    });
    parcels.arrived(adoption.connection, { ...parcel, service, endpoint, tried });
    return adoption;
  }

  function study(giver: Giver, part: Extract<Message, { kind: 'catalog' }>): void {
    const catalog = joinCatalog(giver.catalog, part);
    if (catalog === null) return end(giver, 'its catalog has no end');
    giver.catalog = catalog;
    if (!part.last) return void giver.channel.send(encode({ kind: 'more' }));
    giver.pieces = piecesOf(catalog);
    ask(giver, giver.pieces);
  }

  /** Asks about one piece at a time, so that the primary can serve others in between. */
  function ask(giver: Giver, pieces: Generator<Catalog>): void {
    const piece = pieces.next();
    if (piece.done !== true) {
      asked++;
      return send({ kind: 'adopting', path: giver.path, catalog: piece.value });
    }
    giver.isKnown = true;
    giver.channel.send(encode({ kind: 'go' }));
  }

  return {
    begin(path) {
      if (givers.has(path)) return;
      let channel: Channel;
      try {
        channel = channels.connect(path, () => receive(giver));
      } catch (error) {
        const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
        return send({ kind: 'adopted', path, connections: 0, refused: 0, why, standstill: null });
      }
      const giver: Giver = {
        path,
        channel,
        catalog: { services: [], endpoints: [] },
        pieces: null,
        ids: { services: new Map(), endpoints: new Map() },
        isKnown: false,
        expected: new Set(),
        adopted: 0,
        still: [],
        refused: 0,
      };
      givers.set(path, giver);
      channel.send(encode({ kind: 'hello', version: PROTOCOL_VERSION }));
    },
    know(path, known) {
      asked--;
      // Learn in any case: the primary counts these as known here.
      learn(known);
      const giver = givers.get(path);
      if (giver === undefined || giver.pieces === null || giver.isKnown) return;
      for (const { theirs, service } of known.services) giver.ids.services.set(theirs, service.id);
      for (const { theirs, endpoint } of known.endpoints) {
        giver.ids.endpoints.set(theirs, endpoint.id);
        giver.expected.add(endpoint.id);
      }
      ask(giver, giver.pieces);
    },
    expects: (endpoint) => {
      if (asked > 0) return true;
      for (const { expected } of givers.values()) if (expected.has(endpoint)) return true;
      return false;
    },
    get isOpen() {
      return givers.size > 0;
    },
    close() {
      for (const giver of givers.values()) end(giver, 'this worker takes nothing more');
    },
  };
}
