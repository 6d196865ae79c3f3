// Queries the schema as data: what is allowed at a place, and where a key belongs.
import { ConfigSchema } from './schema.ts';
import type { Path } from './problem.ts';

/** A JSON schema as plain data, with the keywords that bal uses. */
export interface Shape {
  readonly '~kind'?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[] | undefined;
  readonly patternProperties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly default?: unknown;
  readonly tuned?: readonly unknown[];
  readonly defaultText?: { readonly en: string; readonly ko: string };
  readonly names?: string;
  readonly least?: readonly string[];
  readonly typeText?: { readonly en: string; readonly ko: string };
  readonly obsolete?: boolean;
  readonly description?: string;
  readonly ko?: string;
  /** Like `judge`, for a value that may be a list. */
  readonly judgeList?: (list: readonly unknown[]) => { readonly expected: string; readonly hint: string | null } | null;
  readonly judge?: (text: string) => { readonly expected: string; readonly hint: string | null } | null;
}

export const ROOT: Shape = ConfigSchema;

/** Returns the shape at `path`, or null if nothing may be there. */
export function shapeAt(path: Path): Shape | null {
  let shape: Shape | undefined = ROOT;
  for (const part of path) {
    if (shape === undefined) return null;
    shape = childOf(shape, part);
  }
  return shape ?? null;
}

/** Returns the shape at a key or an index of `shape`. */
export function childOf(shape: Shape, part: string | number): Shape | undefined {
  return typeof part === 'number' ? shape.items : (property(shape, part) ?? freeValue(shape));
}

function property(shape: Shape, key: string): Shape | undefined {
  return shape.properties !== undefined && Object.hasOwn(shape.properties, key) ? shape.properties[key] : undefined;
}

/** Returns the shape of the values of a free map (services). */
export function freeValue(shape: Shape): Shape | undefined {
  return Object.values(shape.patternProperties ?? {})[0];
}

/** Returns the keys of a path that the schema names: services.web.runtime → services, runtime. */
export function trailOf(path: Path): string[] {
  return path
    .filter((part, i) => typeof part === 'string' && shapeAt(path.slice(0, i))?.properties !== undefined)
    .map(String);
}

/** Returns the keys allowed in the map at `path`. */
export function keysAt(path: Path): string[] {
  return Object.keys(shapeAt(path)?.properties ?? {});
}

/** `expected integer 1..65535`, … */
export function expectation(shape: Shape): string {
  if (shape.enum?.length === 1) return `expected ${String(shape.enum[0])}`;
  if (shape.enum !== undefined) return `expected one of ${shape.enum.join(', ')}`;
  const { type, minimum = '', maximum = '' } = shape;
  if (type === 'boolean') return 'expected true or false';
  if (type === 'integer') return `expected integer ${minimum}..${maximum}`;
  if (type === 'array') return `expected a list of ${shape.minItems ?? 0}..${shape.maxItems ?? ''} entries`;
  const judged = shape.judge?.('')?.expected;
  if (type === 'string' || judged !== undefined) return judged ?? 'expected text';
  if (shape.maxProperties === undefined) return 'expected a map of keys';
  return `expected a map of ${shape.minProperties ?? 0}..${shape.maxProperties} entries`;
}

/** A level of the file: the keys of one map. */
export interface Level {
  /** For people: `under "runtime"`, `in an entry of "backends"`, `at the top level`. */
  readonly name: string;
  /** Keys from the top, without free names and indexes, as trailOf() returns them. */
  readonly trail: readonly string[];
  readonly keys: readonly string[];
}

/** Returns all levels, the top first. */
export function levels(shape: Shape = ROOT, trail: readonly string[] = [], name = 'at the top level'): Level[] {
  const own = { name, trail, keys: Object.keys(shape.properties ?? {}) };
  const below = Object.entries(shape.properties ?? {}).flatMap(([key, value]) => {
    if (value.items?.properties !== undefined) return levels(value.items, [...trail, key], `in an entry of "${key}"`);
    const free = freeValue(value);
    if (free !== undefined) return levels(free, [...trail, key], `in an entry of "${key}"`);
    return value.properties === undefined ? [] : levels(value, [...trail, key], `under "${key}"`);
  });
  return [own, ...below];
}
