// Limits a service's clients: how many per source, how fast per source, and how fast in all. Owns what is counted for each
// connection of this worker.

import { countsSources, type Runtime } from '../../../config/plan.ts';
import { ownSources, type SourcesMemory } from '../../engine/sources.ts';
import { grown } from '../../grown.ts';
import { toMachine } from '../../machine-clock.ts';
import type { Cause } from '../../ipc/reasons.ts';
import { createSources, NO_ROOM, TOO_FAST, TOO_MANY, type Limits, type Sources } from './sources.ts';

export interface SourceLimits {
  /** Null: it may come, and counts until it leaves. A second call counts it anew: its address may have changed. */
  enter(connection: number, service: number, now: number): Cause | null;
  /** The connection is over. */
  leave(connection: number): void;
  /** Returns the slot of a connection that goes to another worker, 0: none. It counts until left(). */
  detach(connection: number): number;
  /** Restores the slot of a connection that stays after all. */
  attach(connection: number, slot: number): void;
  /** Frees the slot of a connection that has gone. */
  left(slot: number): void;
  /** Counts a connection from another worker, whatever the limits. */
  arrived(connection: number, service: number): void;
  /** Clients not counted because the table had no room for their source. */
  readonly uncounted: number;
}

interface Assigned {
  readonly id: number;
  readonly runtime: Pick<Runtime, 'maxPerSource' | 'maxRatePerSource' | 'maxRate'>;
}

interface Its extends Limits {
  readonly all: number;
}

const NONE: SourceLimits = {
  enter: () => null,
  leave: () => undefined,
  detach: () => 0,
  attach: () => undefined,
  left: () => undefined,
  arrived: () => undefined,
  uncounted: 0,
};
const ANY: Limits = { connections: 0, rate: 0 };

/** `share`: the memory that the workers share; null: none. `ipOf`: the engine's clientIp(). */
export function createSourceLimits(
  assigned: readonly Assigned[],
  share: () => SourcesMemory | null,
  ipOf: (connection: number) => Uint8Array | null,
): SourceLimits {
  /** By service. */
  const limits: (Its | undefined)[] = [];
  for (const { id, runtime } of assigned) {
    if (!countsSources(runtime)) continue;
    const { maxPerSource: connections, maxRatePerSource: rate, maxRate: all } = runtime;
    limits[id] = { connections, rate, all };
  }
  if (limits.length === 0) return NONE;
  const sources: Sources = createSources(share() ?? ownSources());
  /** By connection: its slot + 1; 0: none. */
  let slots = new Int32Array(1024);
  let uncounted = 0;

  function attach(connection: number, slot: number): void {
    if (slot === 0) return;
    slots = grown(slots, connection);
    slots[connection] = slot;
  }

  function detach(connection: number): number {
    const slot = slots[connection] ?? 0;
    if (slot !== 0) slots[connection] = 0;
    return slot;
  }

  function left(slot: number): void {
    if (slot !== 0) sources.leave(slot - 1);
  }

  function leave(connection: number): void {
    left(detach(connection));
  }

  /** Counts the connection. Returns its slot, or which limit refuses it. */
  function count(connection: number, service: number, its: Limits, at: number): number {
    const ip = ipOf(connection);
    // A Unix socket's client, or one that went away at once.
    if (ip === null) return 0;
    const slot = sources.enter(ip, service, its, at);
    if (slot === NO_ROOM) uncounted++;
    if (slot >= 0) attach(connection, slot + 1);
    return slot;
  }

  return {
    leave,
    detach,
    attach,
    left,
    arrived(connection, service) {
      const its = limits[service];
      if (its === undefined || (its.connections === 0 && its.rate === 0)) return;
      count(connection, service, ANY, toMachine(performance.now()));
    },
    get uncounted() {
      return uncounted;
    },
    enter(connection, service, now) {
      const its = limits[service];
      if (its === undefined) return null;
      leave(connection);
      const at = toMachine(now);
      if (its.connections > 0 || its.rate > 0) {
        const counted = count(connection, service, its, at);
        if (counted === TOO_MANY) return 'too_many_from_source';
        if (counted === TOO_FAST) return 'too_fast_from_source';
      }
      if (its.all === 0 || sources.isWithinRate(service, its.all, at)) return null;
      leave(connection);
      return 'too_fast';
    },
  };
}
