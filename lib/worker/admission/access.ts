// Who may come to which service, by `access`. Owner of the tables that are made of its lists.

import { networkTable, type NetworkTable } from '../../../config/network-table.ts';
import type { ServiceAssignment } from '../../ipc/assignment.ts';

export interface Access {
  /** Asked before anything else is done for a client, and again when it turns out to be another one's address. */
  allows(connection: number, service: number): boolean;
}

/** `ipOf`: the engine's clientIp(), asked of services that have a list only. */
export function createAccess(
  assigned: readonly Pick<ServiceAssignment, 'id' | 'access'>[],
  ipOf: (connection: number) => Uint8Array | null,
  isUnix: (connection: number) => boolean,
): Access {
  /** By service. */
  const tables: (NetworkTable | undefined)[] = [];
  /** Services that only some networks may come to: those of a Unix socket are of none. */
  const closed = new Set<number>();
  for (const { id, access } of assigned) {
    if (access !== null) tables[id] = networkTable(access.allow, access.deny);
    if (access?.allow) closed.add(id);
  }
  // Where there is none, not even the look-up is made.
  if (tables.length === 0) return { allows: () => true };
  return {
    allows(connection, service) {
      const table = tables[service];
      if (table === undefined) return true;
      const ip = ipOf(connection);
      if (ip !== null) return table.allows(ip);
      // Or nobody knows who it is: it went away at once.
      return !closed.has(service) && isUnix(connection);
    },
  };
}
