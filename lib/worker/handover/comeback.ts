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
  /** `there`: it goes on, under this id. Now, or later. */
  goOn(offer: Offer, there: (connection: number) => void): void;
  /** Some stand still. */
  readonly isOwed: boolean;
}

export function createComeback(engine: Pick<Engine, 'adopt'>, parcels: Pick<Parcels, 'unpack'>): Comeback {
  let stranded: { readonly offer: Offer; readonly there: (connection: number) => void }[] = [];
  let timer: NodeJS.Timeout | null = null;

  function goOn(offer: Offer, there: (connection: number) => void): void {
    const adoption = engine.adopt(offer.released);
    if (adoption.ok) {
      parcels.unpack(offer.packed, adoption.connection);
      there(adoption.connection);
      return;
    }
    stranded.push({ offer, there });
    timer ??= setTimeout(again, AGAIN_MS);
  }

  function again(): void {
    timer = null;
    const before = stranded;
    stranded = [];
    for (const { offer, there } of before) goOn(offer, there);
  }

  return {
    goOn,
    get isOwed() {
      return stranded.length > 0;
    },
  };
}
