// Counts the connections of a dead primary's workers against the limits here. A second may pass until these connections have moved
// to workers of this primary, and until then nobody else knows of them.

import type { PermitBook } from '../limits/permits.ts';
import type { Registry } from '../registry.ts';

/** A connection that has moved is counted twice until the next look. */
const LOOK_MS = 20;

/** No process that has permits. */
const NO_PID = 0;

/** `loads`: their connections to an endpoint; null: these workers are gone. Clients without a backend are not counted. */
export function countLeftBehind(
  permits: Pick<PermitBook, 'occupied'>,
  registry: Pick<Registry, 'names'>,
  loads: () => ((endpoint: number) => number) | null,
): void {
  let latest = '';

  function look(): void {
    const theirs = loads();
    const held = new Map<string | null, number>();
    for (const [service, , endpoint] of registry.names().endpoints) {
      const connections = theirs?.(endpoint) ?? 0;
      for (const whose of [null, service]) held.set(whose, (held.get(whose) ?? 0) + connections);
    }
    const text = JSON.stringify([...held]);
    if (text !== latest) {
      const heldOf = (service: string | null): number => held.get(service) ?? 0;
      permits.occupied({ pid: NO_PID, held: heldOf, wanted: () => 0, lent: () => null, lend: () => undefined });
    }
    latest = text;
    if (theirs !== null) setTimeout(look, LOOK_MS).unref();
  }

  look();
}
