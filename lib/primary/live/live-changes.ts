// How differences from the file are shown. Pure.

import type { BackendPlan, Plan } from '../../../config/plan.ts';
import type { Administrative, LiveChange, LiveChanges } from '../../control/backends.ts';
import type { Override, Overrides, Settled } from './overrides.ts';
import { overrideOf, weightOf } from './overrides.ts';

export function liveChanges(file: Plan, overrides: Overrides): LiveChange[] {
  return overrides.flatMap((override) => changesOf(override, backendIn(file, override)));
}

/** What a reload makes of the overrides. `file` is the new plan, `before` the plan they were made against. */
export function settledChanges(before: Plan, file: Plan, { kept, dropped }: Settled): LiveChanges {
  return {
    kept: liveChanges(file, kept),
    dropped: dropped.flatMap(({ override, why }) =>
      changesOf(override, backendIn(before, override)).map((change) => ({ ...change, why })),
    ),
  };
}

export interface Administration {
  readonly administrative: Administrative;
  readonly administrative_since: string | null;
  /** The weight when not drained; null if it is unknown. */
  readonly weight: number | null;
}

/** The administrative state of one backend. */
export function administrationOf(file: Plan, overrides: Overrides, service: string, address: string): Administration {
  const override = overrideOf(overrides, service, address);
  const { presence, drained } = override;
  const planned = backendIn(file, override);
  const isThere = presence?.kind === 'added' || (planned !== null && presence === null);
  const weight = isThere ? weightOf(planned ?? { weight: 1 }, override) : null;
  if (presence?.kind === 'removed')
    return { administrative: 'removed', administrative_since: at(presence.since), weight };
  const since = drained?.since ?? presence?.since ?? override.weight?.since ?? null;
  return {
    administrative: drained === null ? 'ready' : 'drained',
    administrative_since: since === null ? null : at(since),
    weight,
  };
}

function changesOf(override: Override, planned: BackendPlan | null): LiveChange[] {
  const { service, address, presence, drained, weight } = override;
  const about = { service, address, until: null };
  const changes: LiveChange[] = [];
  if (presence !== null)
    changes.push({ ...about, kind: presence.kind, text: presence.kind, since: at(presence.since) });
  if (drained !== null) {
    const until = drained.cutAt === null ? null : at(drained.cutAt);
    const text = until === null ? 'drained' : `drained, what is left is cut at ${until}`;
    changes.push({ ...about, kind: 'drained', text, since: at(drained.since), until });
  }
  if (weight !== null) {
    const inFile = planned === null ? '' : `, in the file ${planned.weight}`;
    changes.push({ ...about, kind: 'weight', text: `weight ${weight.value}${inFile}`, since: at(weight.since) });
  }
  return changes;
}

export function backendIn(
  { services }: Plan,
  { service, address }: Pick<Override, 'service' | 'address'>,
): BackendPlan | null {
  const found = services.find(({ name }) => name === service);
  return found?.backends.find((backend) => backend.address === address) ?? null;
}

function at(wall: number): string {
  return new Date(wall).toISOString();
}
