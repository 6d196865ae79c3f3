// What an operator has changed at run time on top of the file, by service and address. Pure; live.ts owns the state.

import { loopBy } from '../../../config/loops.ts';
import type { Machine } from '../../../config/machine.ts';
import type { BackendPlan, Plan, ServicePlan } from '../../../config/plan.ts';
import { plainBackend } from '../../../config/plan.ts';
import { MAX_BACKENDS } from '../../../config/schema.ts';

/** Times are wall clock in ms, because they outlive the process. */
export interface Override {
  readonly service: string;
  readonly address: string;
  /** No new clients. `cutAt` is when the remaining connections are cut; null means never. */
  readonly drained: { readonly since: number; readonly cutAt: number | null } | null;
  readonly weight: { readonly value: number; readonly since: number } | null;
  readonly presence: Presence | null;
}

/** The backend is in the instance but not in the file, or the reverse. */
export type Presence =
  | { readonly kind: 'added'; readonly host: string; readonly port: number; readonly since: number }
  | { readonly kind: 'removed'; readonly since: number };

export type Overrides = readonly Override[];

/** The override of a backend; all fields are null if there is none. */
export function overrideOf(overrides: Overrides, service: string, address: string): Override {
  const found = overrides.find((it) => it.service === service && it.address === address);
  return found ?? { service, address, drained: null, weight: null, presence: null };
}

/** Replaces the override of the same backend. An empty override is left out. */
export function withOverride(overrides: Overrides, next: Override): Overrides {
  const others = overrides.filter((it) => it.service !== next.service || it.address !== next.address);
  const says = next.drained !== null || next.weight !== null || next.presence !== null;
  return says ? [...others, next] : others;
}

/** The plan to serve: the file with the overrides applied. A drained backend has weight 0, so no new client goes there. */
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
  // A name may resolve to an added address by now.
  const added = own.flatMap(({ address, presence }) =>
    presence?.kind === 'added' && !there.has(address) ? [plainBackend(presence.host, presence.port)] : [],
  );
  return [...staying, ...added].map((backend) => {
    const override = byAddress.get(backend.address);
    if (override === undefined) return backend;
    return { ...backend, weight: override.drained === null ? weightOf(backend, override) : 0 };
  });
}

/** As many as the backends that are there and those that were removed can have. */
export const MAX_OVERRIDES = 2 * MAX_BACKENDS;

/**
 * Only overrides of discovered backends that are gone can exceed the limit: names may resolve to other addresses without end.
 * Forgets the oldest of these, so that a change of a backend that is there is never refused. `plan` has its names resolved.
 */
export function limited(plan: Plan, overrides: Overrides): { readonly kept: Overrides; readonly forgotten: Overrides } {
  const excess = overrides.length - MAX_OVERRIDES;
  if (excess <= 0) return { kept: overrides, forgotten: [] };
  const there = new Map(plan.services.map((it) => [it.name, new Set(it.backends.map(({ address }) => address))]));
  const gone = overrides.filter(
    ({ service, address, presence }) => presence?.kind !== 'added' && there.get(service)?.has(address) !== true,
  );
  const forgotten = gone.toSorted((a, b) => lastChangeOf(a) - lastChangeOf(b)).slice(0, excess);
  const isForgotten = new Set(forgotten);
  return { kept: overrides.filter((it) => !isForgotten.has(it)), forgotten };
}

function lastChangeOf({ drained, weight, presence }: Override): number {
  return Math.max(drained?.since ?? -Infinity, weight?.since ?? -Infinity, presence?.since ?? -Infinity);
}

/** Why an override is forgotten. */
export const TOO_MANY = `it is gone, and more than ${MAX_OVERRIDES} backends were changed`;

/** The number of backends that were added to those of the file. */
export function addedIn(overrides: Overrides): number {
  return overrides.filter(({ presence }) => presence?.kind === 'added').length;
}

/** The weight of the backend when it is not drained. */
export function weightOf({ weight }: Pick<BackendPlan, 'weight'>, override: Pick<Override, 'weight'>): number {
  return override.weight?.value ?? weight;
}

export interface Settled {
  readonly kept: Overrides;
  /** Overrides that no longer apply, and why. Those that the file now states itself are dropped silently. */
  readonly dropped: readonly { readonly override: Override; readonly why: string }[];
}

/** The overrides that remain with a newly read file. */
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
  const { kept: rest, forgotten } = limited(file, kept);
  return { kept: rest, dropped: [...dropped, ...forgotten.map((override) => ({ override, why: TOO_MANY }))] };
}

function reasonAgainst(
  { backends, discovers }: ServicePlan,
  { address, presence, drained, weight }: Override,
  room: number,
  hasLoop: () => boolean,
): string | null {
  const isInFile = backends.some((backend) => backend.address === address);
  // A name may resolve again to an address that is absent now.
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

/** Strips what the file already states. */
function beside({ backends, discovers }: ServicePlan, override: Override): Override {
  const inFile = backends.find(({ address }) => address === override.address);
  // A discovered backend comes and goes, and its override stays.
  if (discovers && inFile?.discoveredFrom !== null) return override;
  const isSaid = override.presence?.kind === (inFile === undefined ? 'removed' : 'added');
  const weight = inFile !== undefined && inFile.weight === override.weight?.value ? null : override.weight;
  return { ...override, weight, presence: isSaid ? null : override.presence };
}
