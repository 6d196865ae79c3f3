// What an operator has changed while bal runs, beside what the file says: by service and address. Pure; the owner is live.ts.

import { loopBy } from '../../../config/loops.ts';
import type { Machine } from '../../../config/machine.ts';
import type { BackendPlan, Plan, ServicePlan } from '../../../config/plan.ts';
import { plainBackend } from '../../../config/plan.ts';
import { MAX_BACKENDS } from '../../../config/schema.ts';

/** Times are wall clock, in ms: they outlive the process. */
export interface Override {
  readonly service: string;
  readonly address: string;
  /** No new clients. `cutAt`: when what is left is cut; null: it has all the time it needs. */
  readonly drained: { readonly since: number; readonly cutAt: number | null } | null;
  readonly weight: { readonly value: number; readonly since: number } | null;
  readonly presence: Presence | null;
}

/** In the instance and not in the file, or the other way round. */
export type Presence =
  | { readonly kind: 'added'; readonly host: string; readonly port: number; readonly since: number }
  | { readonly kind: 'removed'; readonly since: number };

export type Overrides = readonly Override[];

/** What is overridden of a backend; all null where nothing is. */
export function overrideOf(overrides: Overrides, service: string, address: string): Override {
  const found = overrides.find((it) => it.service === service && it.address === address);
  return found ?? { service, address, drained: null, weight: null, presence: null };
}

/** With this one in the place of that of the same backend; one that says nothing is left out. */
export function withOverride(overrides: Overrides, next: Override): Overrides {
  const others = overrides.filter((it) => it.service !== next.service || it.address !== next.address);
  const says = next.drained !== null || next.weight !== null || next.presence !== null;
  return says ? [...others, next] : others;
}

/** What is served: the file with all that is overridden. A drained backend has no weight there, so nobody is sent to it. */
export function effectivePlan(file: Plan, overrides: Overrides): Plan {
  if (overrides.length === 0) return file;
  return {
    ...file,
    services: file.services.map((service) => {
      const own = overrides.filter((it) => it.service === service.name);
      return own.length === 0 ? service : { ...service, backends: effectiveBackends(service, own) };
    }),
  };
}

function effectiveBackends({ backends }: ServicePlan, own: Overrides): BackendPlan[] {
  const byAddress = new Map(own.map((it) => [it.address, it]));
  const staying = backends.filter(({ address }) => byAddress.get(address)?.presence?.kind !== 'removed');
  const there = new Set(backends.map(({ address }) => address));
  // A name may lead to it now, too.
  const added = own.flatMap(({ address, presence }) =>
    presence?.kind === 'added' && !there.has(address) ? [plainBackend(presence.host, presence.port)] : [],
  );
  return [...staying, ...added].map((backend) => {
    const override = byAddress.get(backend.address);
    if (override === undefined) return backend;
    return { ...backend, weight: override.drained === null ? weightOf(backend, override) : 0 };
  });
}

/** Backends that are there beside those of the file. */
export function addedIn(overrides: Overrides): number {
  return overrides.filter(({ presence }) => presence?.kind === 'added').length;
}

/** The weight that a backend has when it is not drained. */
export function weightOf({ weight }: Pick<BackendPlan, 'weight'>, override: Pick<Override, 'weight'>): number {
  return override.weight?.value ?? weight;
}

export interface Settled {
  readonly kept: Overrides;
  /** Those that have lost what they were about, and why; what the file says by itself now goes without a word. */
  readonly dropped: readonly { readonly override: Override; readonly why: string }[];
}

/** What is left of the overrides beside a file that was read anew. */
export function settle(file: Plan, overrides: Overrides, machine: Machine): Settled {
  const kept: Override[] = [];
  const dropped: { readonly override: Override; readonly why: string }[] = [];
  let room = MAX_BACKENDS - file.services.reduce((sum, { backends }) => sum + backends.length, 0);
  for (const override of overrides) {
    const service = file.services.find(({ name }) => name === override.service);
    const why =
      service === undefined
        ? 'its service is gone'
        : reasonAgainst(service, override, room, () => hasLoop(override, effectivePlan(file, kept), machine));
    if (service === undefined || why !== null) {
      dropped.push({ override, why: why ?? '' });
      continue;
    }
    const left = beside(service, override);
    if (left.presence?.kind === 'added') room--;
    kept.push(...withOverride([], left));
  }
  return { kept, dropped };
}

function reasonAgainst(
  { backends, discovers }: ServicePlan,
  { address, presence, drained, weight }: Override,
  room: number,
  hasLoop: () => boolean,
): string | null {
  const isInFile = backends.some((backend) => backend.address === address);
  // What a name does not lead to now it may lead to again.
  if (isInFile || (discovers && presence?.kind !== 'added')) return null;
  switch (presence?.kind) {
    case 'added':
      if (room <= 0) return `there would be more than ${MAX_BACKENDS} backends`;
      return hasLoop() ? 'it would lead back to bal itself' : null;
    case 'removed':
      return null;
    case undefined:
      return drained === null && weight === null ? null : 'it is gone from the file';
  }
}

function hasLoop({ service, presence }: Override, { services }: Plan, machine: Machine): boolean {
  if (presence?.kind !== 'added') return false;
  return loopBy(plainBackend(presence.host, presence.port), service, services, machine) !== null;
}

/** What the file does not say by itself. */
function beside({ backends, discovers }: ServicePlan, override: Override): Override {
  const inFile = backends.find(({ address }) => address === override.address);
  // It comes and goes, and what was changed of it stays.
  if (discovers && inFile?.discoveredFrom !== null) return override;
  const isSaid = override.presence?.kind === (inFile === undefined ? 'removed' : 'added');
  const weight = inFile !== undefined && inFile.weight === override.weight?.value ? null : override.weight;
  return { ...override, weight, presence: isSaid ? null : override.presence };
}
