// The part of the instance that `status`, `why`, the metrics and readiness read.

import type { Plan } from '../../../config/plan.ts';
import type { Overrides } from '../live/overrides.ts';
import type { Contents } from '../reload/contents.ts';
import type { Phase } from '../phase.ts';
import type { Statistics } from '../stats/statistics.ts';
import type { Discovery } from '../upstream/discovery/discovery.ts';
import type { Services } from '../upstream/services.ts';
import type { Evenness } from '../evenness/evenness.ts';
import type { Fleet } from '../workers/fleet.ts';

export interface Observed {
  readonly phase: Phase;
  /** The plan in use: `basePlan` with the operator's changes. */
  readonly plan: Plan;
  /** The file's plan. */
  readonly filePlan: Plan;
  /** `filePlan` with its names resolved. */
  readonly basePlan: Plan;
  readonly overrides: Overrides;
  readonly generation: number;
  readonly reloads: number;
  readonly contents: Contents;
  /** Workers that replaced one that died. */
  readonly respawned: number;
  /** Log lines that workers could not send. */
  readonly linesDropped: number;
  readonly services: Services;
  readonly discovery: Pick<Discovery, 'statusOf'>;
  readonly fleet: Fleet;
  readonly statistics: Statistics;
  readonly evenness: Pick<Evenness, 'spread' | 'moved'>;
}

/** The phase for others: who has no connections left may still wait for those that stay with the program before an upgrade. */
export function phaseOf({ phase, statistics }: Pick<Observed, 'phase' | 'statistics'>): Phase {
  return phase === 'stopped' && (statistics.heldDraining?.connections ?? 0) > 0 ? 'draining' : phase;
}
