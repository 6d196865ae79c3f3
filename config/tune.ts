// The auto-tuned profile, the file's settings on top of it, and the origin of each value. Pure.
import { RUNTIME_FIELDS } from './names.ts';
import type { Runtime } from './plan.ts';
import type { Mark, Path } from './problem.ts';
import { RuntimeSchema, type RuntimeKey, type RuntimeValues } from './runtime.ts';

/** In the order of the schema. */
export const RUNTIME_KEYS: readonly RuntimeKey[] = Object.keys(RuntimeSchema.properties).filter(isRuntimeKey);

function isRuntimeKey(key: string): key is RuntimeKey {
  return Object.hasOwn(RUNTIME_FIELDS, key);
}

/** Returns the profile for a service with `backends` backends. */
export function profileFor(backends: number): RuntimeValues {
  const tier = backends <= 2 ? 0 : backends <= 5 ? 1 : 2;
  // Each `tuned` value has the type of its key: tune.test.ts checks all of them.
  return complete<RuntimeValues>(
    RUNTIME_KEYS,
    RUNTIME_KEYS.map((key) => tunedOf(RuntimeSchema.properties[key])[tier]),
  );
}

function tunedOf(schema: object): readonly unknown[] {
  return 'tuned' in schema && Array.isArray(schema.tuned) ? schema.tuned : [];
}

/** The origin of a value. */
export interface Where {
  /** `default`, `auto-tuned`, `file:LINE`, or `PATH:LINE` in an included file. */
  readonly origin: string;
  /** Where it is written; null if it is not. */
  readonly path: Path | null;
  readonly mark: Mark | null;
  /** False if the written value is wrong; the value is then a stand-in. */
  readonly sound: boolean;
}

export interface Setting<T> extends Where {
  readonly value: T;
}

/** A map of the file, or part of one, that may set a key. */
export interface Block<V extends object> {
  readonly values: V;
  where(key: string): Where;
}

/** Returns the value of `key` in the last block that has it, else `otherwise`. */
export function settle<V extends object, K extends keyof V & string>(
  key: K,
  blocks: readonly Block<V>[],
  otherwise: NonNullable<V[K]>,
  origin: string,
): Setting<NonNullable<V[K]>> {
  for (const block of blocks.toReversed()) {
    const where = block.where(key);
    const value = block.values[key];
    if (!where.sound) return { value: otherwise, ...where };
    if (value !== undefined && value !== null) return { value, ...where };
  }
  return { value: otherwise, origin, path: null, mark: null, sound: true };
}

export type TunedRuntime = { readonly [K in RuntimeKey]: Setting<RuntimeValues[K]> };

/** Overlays the profile with `runtime:` blocks, the last one on top. A key that no block sets keeps the profile's value. */
export function overlay(profile: RuntimeValues, blocks: readonly Block<Partial<RuntimeValues>>[]): TunedRuntime {
  const tuned = complete<TunedRuntime>(
    RUNTIME_KEYS,
    RUNTIME_KEYS.map((key) => settle(key, blocks, profile[key], 'auto-tuned')),
  );
  return { ...tuned, health_check_up_interval_ms: upInterval(tuned) };
}

/** Files from before there were two intervals set one and mean it for all checks. */
function upInterval({ health_check_interval_ms: one, health_check_up_interval_ms: up }: TunedRuntime): Setting<number> {
  return up.path === null && one.path !== null && one.sound ? one : up;
}

/** Returns the same values under the plan's names. */
export function toRuntime(tuned: TunedRuntime): Runtime {
  const fields = RUNTIME_KEYS.map((key) => RUNTIME_FIELDS[key]);
  return complete<Runtime>(
    fields,
    RUNTIME_KEYS.map((key) => tuned[key].value),
  );
}

/** Builds an object of all keys. The caller guarantees that each value has its key's type; tune.test.ts checks it. */
function complete<T extends object>(keys: readonly (keyof T & string)[], values: readonly unknown[]): T {
  const object: Record<string, unknown> = Object.fromEntries(keys.map((key, i) => [key, values[i]]));
  const hasAll = (candidate: object): candidate is T => keys.every((key) => Object.hasOwn(candidate, key));
  if (!hasAll(object)) throw new Error(`Cannot tune: not one value for each of ${keys.join(', ')}`);
  return object;
}
