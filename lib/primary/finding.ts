// Discovery of backend names for one instance. Names are resolved before the first client is served. Later changes take effect
// like an operator's changes.

import type { Plan } from '../../config/plan.ts';
import type { Live } from './live/live.ts';
import type { Overrides } from './live/overrides.ts';
import { addedIn, effectivePlan } from './live/overrides.ts';
import type { Log } from './log/log.ts';
import type { Generations } from './reload/generations.ts';
import type { InstanceState } from './reload/reload.ts';
import type { Discovery } from './upstream/discovery/discovery.ts';
import { createDiscovery } from './upstream/discovery/discovery.ts';
import type { Resolver } from './upstream/discovery/resolver.ts';
import { createResolver } from './upstream/discovery/resolver.ts';

export interface Finding {
  readonly resolver: Resolver;
  readonly discovery: Discovery;
  /** Expands the file's plan with what its names lead to now. */
  readonly discovered: (file: Plan) => Plan;
  /** Expands the plan, once, before anybody is served. `known`: what another process knew of the names. */
  first(known?: unknown): Promise<void>;
  /** Applies what the names lead to now. */
  again(): void;
}

export interface FindingParts {
  readonly log: Log;
  readonly state: InstanceState;
  readonly kept: Overrides;
  readonly generations: Pick<Generations, 'replace'>;
  readonly live: () => Pick<Live, 'overrides' | 'rediscovered'>;
  readonly forget: () => void;
}

export function createFinding({ log, state, kept, generations, live, forget }: FindingParts): Finding {
  const resolver = createResolver();
  const discovery = createDiscovery({ log, resolver, changed: again });
  const discovered = (file: Plan): Plan => discovery.expand(file, addedIn(live().overrides));
  let isFirst = true;
  let isWaiting = false;

  /** Covers all names that change before its turn comes. */
  function again(): void {
    if (isWaiting) return;
    isWaiting = true;
    const begins = (): void => {
      isWaiting = false;
    };
    void live().rediscovered(begins).then(forget);
  }

  return {
    resolver,
    discovery,
    discovered,
    async first(known) {
      if (!isFirst) return;
      isFirst = false;
      discovery.inherit(known);
      discovery.follow(state.filePlan);
      await discovery.asked();
      state.basePlan = discovered(state.filePlan);
      state.plan = effectivePlan(state.basePlan, kept);
      generations.replace(state.generation, state.plan);
    },
    again,
  };
}
