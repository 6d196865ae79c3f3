// Checks clients against a service's `access`. Owns the tables built from its lists.

import { networkTable, type NetworkTable } from '../../../config/network-table.ts';
import type { ServiceAssignment } from '../../ipc/assignment.ts';

export interface Access {
  /** Whether the client may use the service. Checked before anything else, and again after a proxy has conveyed another address. */
  allows(connection: number, service: number): boolean;
}

/** `ipOf`: the engine's clientIp(), called for services with a list only. */
export function createAccess(
  assigned: readonly Pick<ServiceAssignment, 'id' | 'access'>[],
  ipOf: (connection: number) => Uint8Array | null,
  isUnix: (connection: number) => boolean,
): Access {
  /** By service. */
  const tables: (NetworkTable | undefined)[] = [];
  /** Services with an `allow` list: clients of a Unix socket are in no network, so they are denied. */
  const closed = new Set<number>();
  for (const { id, access } of assigned) {
    if (access !== null) tables[id] = networkTable(access.allow, access.deny);
    if (access?.allow) closed.add(id);
  }
  // No lists at all: skip the lookup.
  if (tables.length === 0) return { allows: () => true };
  return {
    allows(connection, service) {
      const table = tables[service];
      if (table === undefined) return true;
      const ip = ipOf(connection);
      if (ip !== null) return table.allows(ip);
      // A Unix socket's client, or one that went away at once.
      return !closed.has(service) && isUnix(connection);
    },
  };
}
