// Gives offered connections that nobody took back to the engine. Owns those that the engine cannot resume yet because it has no
// memory.

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
  /** Resumes a connection now or later; then calls `there` with its id. */
  goOn(offer: Offer, there: (connection: number) => void): void;
  /** Whether some connections still wait. */
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
