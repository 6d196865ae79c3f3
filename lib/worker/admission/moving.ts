// Keeps permits right for connections handed from one worker to another. The taker reports a connection to the primary before
// the giver returns its permit: for a moment it counts twice, but never not at all.

import type { Permits } from './permits.ts';
import { arrived, movedAway, reportArrived } from './permits.ts';

/** The pool of the instance. */
export const INSTANCE = 0;
/** Bits of what a connection holds: its permits, and whether it counts as inside. */
export const OWN = 1;
export const SHARED = 2;
export const INSIDE = 4;

export function bit(pool: number): number {
  return pool === INSTANCE ? SHARED : OWN;
}

export interface Moving {
  /** Returns what a connection offered to another worker holds, and clears it here. */
  detach(connection: number): number;
  /** Restores what a connection that came back held. */
  attach(connection: number, held: number): void;
  /** Returns the permits of detached connections that another worker has taken. */
  left(gone: readonly { readonly service: number; readonly held: number }[]): void;
  /** Counts a connection that another worker admitted, whatever the limits. */
  arrived(connection: number, service: number): void;
  /** Reports all arrived connections to the primary. */
  settled(): void;
}

/** `held`: by connection, updated here too. `poolOf`: by service. `counted`: the number of connections inside changed by this. */
export function createMoving(
  held: number[],
  poolOf: readonly (number | null)[],
  permitsOf: (pool: number) => Permits | undefined,
  counted: (change: number) => void,
): Moving {
  const poolsOf = (service: number): number[] => {
    const own = poolOf[service] ?? null;
    return own === null ? [INSTANCE] : [INSTANCE, own];
  };
  const reached = new Set<Permits>();
  return {
    detach(connection) {
      const has = held[connection] ?? 0;
      held[connection] = 0;
      return has;
    },
    attach(connection, has) {
      held[connection] = has;
    },
    left(gone) {
      const freed = new Map<number, number>();
      for (const { service, held: has } of gone) {
        if ((has & INSIDE) !== 0) counted(-1);
        for (const pool of poolsOf(service)) {
          if ((has & bit(pool)) !== 0) freed.set(pool, (freed.get(pool) ?? 0) + 1);
        }
      }
      for (const [pool, count] of freed) {
        const permits = permitsOf(pool);
        if (permits !== undefined) movedAway(permits, count);
      }
    },
    arrived(connection, service) {
      counted(1);
      held[connection] = INSIDE;
      for (const pool of poolsOf(service)) {
        const permits = permitsOf(pool);
        if (permits === undefined) continue;
        held[connection] |= bit(pool);
        arrived(permits);
        reached.add(permits);
      }
    },
    settled() {
      for (const permits of reached) reportArrived(permits);
      reached.clear();
    },
  };
}
