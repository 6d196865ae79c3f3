// Connections that are handed from one worker to another, and the permits that they have. Whoever takes one says so to the primary
// before whoever gives it returns its permit: for a moment it counts twice, and never not at all.

import type { Permits } from './permits.ts';
import { arrived, movedAway, reportArrived } from './permits.ts';

/** The pool of the instance. */
export const INSTANCE = 0;
/** Bits of what is held by a connection: which permits it has, and whether it counts among those inside. */
export const OWN = 1;
export const SHARED = 2;
export const INSIDE = 4;

export function bit(pool: number): number {
  return pool === INSTANCE ? SHARED : OWN;
}

export interface Moving {
  /** What it holds, as one that is offered to another worker; it is not held for this connection any more. */
  detach(connection: number): number;
  /** The same, of one that has come back. */
  attach(connection: number, held: number): void;
  /** What was detached is another worker's. */
  left(gone: readonly { readonly service: number; readonly held: number }[]): void;
  /** A connection that another worker has admitted: it has its permits, however many there are. */
  arrived(connection: number, service: number): void;
  /** Tells the primary of all that have arrived. */
  settled(): void;
}

/** `held`: by connection, to be kept up to date here too; `poolOf`: by service; `counted`: so many more are inside. */
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
