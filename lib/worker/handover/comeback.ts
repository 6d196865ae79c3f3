// Connections that were offered and that nobody has taken go on where they were. Owner of those with which the engine cannot go on
// for now, because there is no memory for it.

import type { Engine } from '../../engine/engine.ts';
import type { ReleasedConnection } from '../../engine/handover.ts';
import type { Packed, Parcels } from './parcels.ts';

const AGAIN_MS = 500;

/** A connection that no engine has. */
export interface Offer {
  readonly packed: Packed;
  readonly released: ReleasedConnection;
}

export interface Comeback {
  /** Its new id; null: later. */
  goOn(offer: Offer): number | null;
  /** Some stand still. */
  readonly isOwed: boolean;
}

export function createComeback(engine: Pick<Engine, 'adopt'>, parcels: Pick<Parcels, 'unpack'>): Comeback {
  let stranded: Offer[] = [];
  let timer: NodeJS.Timeout | null = null;

  function goOn(offer: Offer): number | null {
    const adoption = engine.adopt(offer.released);
    if (adoption.ok) {
      parcels.unpack(offer.packed, adoption.connection);
      return adoption.connection;
    }
    stranded.push(offer);
    timer ??= setTimeout(again, AGAIN_MS);
    return null;
  }

  function again(): void {
    timer = null;
    const before = stranded;
    stranded = [];
    before.forEach(goOn);
  }

  return {
    goOn,
    get isOwed() {
      return stranded.length > 0;
    },
  };
}
