// Counts the connections per endpoint. Owns these counts: the policy takes and releases, the balancer reads.

import type { Board } from '../../engine/scoreboard.ts';
import { CONNECTIONS_AT, SHARED_ENDPOINTS } from '../../engine/scoreboard.ts';
import type { SharedCounts } from '../../engine/shared-counts.ts';
import { createSharedCounts } from '../../engine/shared-counts.ts';

/** By endpoint. */
export type Loads = SharedCounts;

export function createLoads(board: Board | null): Loads {
  return createSharedCounts(board, CONNECTIONS_AT, SHARED_ENDPOINTS);
}
