// Takes the connections of another worker, which listens for whoever takes them at a path of the home. What they lead to the
// primary has to say first: it has the ids. From `have` on they are this worker's, and not before anything has moved in them.

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

/** Taken before the other is told: it holds on to their descriptors until then. */
const AT_A_TIME = 16;
/** The listener that they came over is not known here; what is done to one of ours must not be done to them. */
const NO_LISTENER = -1;

export interface Taking {
  /** Begins to take what is offered at `path`. */
  begin(path: string): void;
  /** The primary's answer to `adopting`. */
  know(path: string, known: Known): void;
  /** Connections may come that lead to this endpoint. */
  expects(endpoint: number): boolean;
  /** Somebody's connections may come. */
  readonly isOpen: boolean;
  /** Takes nothing more: what was not taken stays with its worker. */
  close(): void;
}

export interface TakingParts {
  readonly channels: Channels;
  readonly engine: Pick<Engine, 'adopt' | 'release'>;
  readonly parcels: Parcels;
  /** See GivingParts. */
  readonly hasIt: (connections: readonly number[]) => void;
  /** The engine, and all else here, is to know what the connections lead to. */
  readonly learn: (known: Known) => void;
  readonly send: (message: Extract<ToPrimary, { kind: 'adopting' | 'adopted' }>) => void;
}

/** A worker that gives. */
interface Giver {
  readonly path: string;
  readonly channel: Channel;
  catalog: Catalog;
  /** What the primary is still to be asked; null: the catalog has not come yet. */
  pieces: Generator<Catalog> | null;
  /** Its ids → ours. */
  readonly ids: { readonly services: Map<number, number>; readonly endpoints: Map<number, number> };
  /** The primary has answered all: it was told to go. */
  isKnown: boolean;
  /** Endpoints of ours that its connections may lead to. */
  readonly expected: Set<number>;
  adopted: number;
  /** Ms that each of them stood still. */
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
      // What has come before the end is taken: nobody else has it.
      if (typeof received === 'string') {
        confirm(giver, taken);
        const early = !giver.isKnown ? 'it is busy, or of another version' : null;
        return end(
          giver,
          received === 'over' ? early : 'it sent more than a connection, or there are no descriptors left for it',
        );
      }
      if (!understand(giver, received, taken)) {
        confirm(giver, taken);
        return end(giver, 'it said what is not understood');
      }
    }
    // What is left is received in the next turn of the loop: others have their turn first.
    confirm(giver, taken);
  }

  /** From here on they are ours. */
  function confirm(giver: Giver, taken: readonly Taken[]): void {
    if (taken.length === 0) return;
    parcels.settled();
    const outcome = giver.channel.send(encode({ kind: 'have', ids: taken.map(({ theirs }) => theirs) }));
    giver.adopted += taken.length;
    // Whoever gave them may be gone: then nobody else has them.
    if (outcome === 'sent' || outcome === 'over') {
      const now = toMachine(performance.now());
      for (const { releasedAt } of taken) if (releasedAt !== undefined) giver.still.push(now - releasedAt);
      return hasIt(taken.map(({ connection }) => connection));
    }
    // This cannot be for want of room, which its offers leave; so there is no memory. Nothing has moved yet.
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

  function understand(giver: Giver, { bytes, descriptors }: Received, taken: Taken[]): boolean {
    const decoded = decode(bytes);
    if (decoded?.message.kind !== 'offer') {
      channels.discard(descriptors);
      if (decoded?.message.kind !== 'catalog' || giver.pieces !== null) return false;
      study(giver, decoded.message);
      return true;
    }
    const { message, record } = decoded;
    const adoption = adopt(giver, message, record, descriptors);
    if (adoption.ok) {
      taken.push({ theirs: message.id, connection: adoption.connection, releasedAt: message.releasedAt });
      return true;
    }
    channels.discard(descriptors);
    giver.refused++;
    return giver.channel.send(encode({ kind: 'refuse', id: message.id, why: adoption.why })) === 'sent';
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

  /** One piece after the other: the primary has others to listen to. */
  function ask(giver: Giver, pieces: Generator<Catalog>): void {
    const piece = pieces.next();
    if (piece.done !== true) return send({ kind: 'adopting', path: giver.path, catalog: piece.value });
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
      // Known to the primary as known here, whatever becomes of it.
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
