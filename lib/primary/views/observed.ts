// What `status`, `why`, the metrics and readiness are made of. The instance is it; nobody who only looks needs to know more.

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
  /** What is served: the file's, with what an operator has changed since. */
  readonly plan: Plan;
  /** What the file says. */
  readonly filePlan: Plan;
  /** The file with what its names lead to. */
  readonly basePlan: Plan;
  readonly overrides: Overrides;
  readonly generation: number;
  readonly reloads: number;
  readonly contents: Contents;
  /** Workers that took the place of one that died. */
  readonly respawned: number;
  /** Log lines that workers could not send. */
  readonly linesDropped: number;
  readonly services: Services;
  readonly discovery: Pick<Discovery, 'statusOf'>;
  readonly fleet: Fleet;
  readonly statistics: Statistics;
  readonly evenness: Pick<Evenness, 'spread' | 'moved'>;
}
