// What typebox reports → one problem for each mistake, in words. typebox reports an unknown key twice and a value that
// fits no member of a union once for each member; here each place gets one problem.
import { describeValue, problemAt, type Path, type Problem } from './problem.ts';
import { closest } from './suggest.ts';
import { expectation, keysAt, levels, shapeAt, trailOf, type Shape } from './shape.ts';
import { keyOf, type Source } from './yaml.ts';

/** The part of typebox's error that is used. */
export interface SchemaError {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly params: object;
}

export interface Folded {
  readonly problems: readonly Problem[];
  /** Places (by keyOf) whose values must not be used. */
  readonly bad: ReadonlySet<string>;
}

export function foldErrors(errors: readonly SchemaError[], source: Source): Folded {
  const problems = new Map<string, Problem>();
  const bad = new Set<string>();
  const unions = errors.filter((error) => error.keyword === 'anyOf').map((error) => `${error.schemaPath}/anyOf/`);
  for (const error of errors) {
    if (unions.some((union) => error.schemaPath.startsWith(union))) continue;
    if (error.keyword === 'additionalProperties') continue; // each such key has its own `boolean` error
    const path = pathOf(error.instancePath, source.data);
    for (const missing of missingKeys(error)) {
      const place = [...path, missing];
      const expected = expectation(shapeAt(place) ?? {});
      problems.set(keyOf(place), problemAt(markAbove(path, source), place, `missing, ${expected}`));
    }
    if (error.keyword === 'required') continue;
    bad.add(keyOf(path));
    if (!problems.has(keyOf(path))) problems.set(keyOf(path), problemOf(error, path, source));
  }
  return { problems: [...problems.values()], bad };
}

function missingKeys(error: SchemaError): readonly string[] {
  const { params } = error;
  const missing = 'requiredProperties' in params ? params.requiredProperties : [];
  return Array.isArray(missing) ? missing.filter((key) => typeof key === 'string') : [];
}

function problemOf(error: SchemaError, path: Path, source: Source): Problem {
  const mark = markAbove(path, source);
  if (error.keyword === 'boolean') return unknownKey(path, mark);
  const value = valueAt(path, source.data);
  const shape = shapeAt(path) ?? {};
  const complaint = typeof value === 'string' ? (shape.judge?.(value) ?? null) : null;
  const expected = complaint?.expected ?? expectation(shape);
  return problemAt(mark, path, `${expected}, got ${found(value, shape)}`, complaint?.hint ?? hintFor(value, shape));
}

function found(value: unknown, shape: Shape): string {
  const many = Array.isArray(value) ? value.length : Object.keys(Object(value)).length;
  const isKind = Array.isArray(value) ? shape.type === 'array' : typeof value === 'object' && shape.type === 'object';
  return isKind && value !== null && (shape.maxItems ?? shape.maxProperties) !== undefined
    ? String(many)
    : describeValue(value);
}

function hintFor(value: unknown, shape: Shape): string | null {
  if (typeof value === 'string' && shape.enum !== undefined) {
    const meant = closest(value, shape.enum.map(String));
    return meant === null ? null : `did you mean "${meant}"?`;
  }
  if (typeof value === 'string' && shape.type === 'integer' && /^[0-9][0-9_]*$/.test(value)) {
    return 'write the number without quotes and separators';
  }
  if (typeof value === 'number' && shape.type === 'string') return 'put it in quotes';
  if (Array.isArray(value) && shape.type === 'string') return 'an IPv6 address needs quotes, not brackets: "::1"';
  if (value === null && shape.type === 'object') return 'remove the line, or put indented keys below it';
  if (shape.type === 'array' && typeof value === 'object' && !Array.isArray(value)) return 'begin each entry with "- "';
  if (shape.required !== undefined) return `write ${shape.required.map((key) => `"${key}: …"`).join(' and ')}`;
  return null;
}

function unknownKey(path: Path, mark: ReturnType<typeof markAbove>): Problem {
  const parent = path.slice(0, -1);
  const key = String(path.at(-1));
  const names = shapeAt(parent)?.names;
  if (names !== undefined) return problemAt(mark, path, `expected ${names}`);
  return problemAt(mark, path, 'unknown key', hintForKey(key, parent));
}

function hintForKey(key: string, parent: Path): string | null {
  if (key === '<<') return 'merge keys are not part of YAML 1.2; what services share goes to the top level';
  const here = keysAt(parent);
  const trail = trailOf(parent);
  const others = levels()
    .filter((level) => level.keys.join() !== here.join())
    .sort((a, b) => remoteness(a.trail, trail) - remoteness(b.trail, trail));
  const home = others.find((level) => level.keys.includes(key));
  if (home !== undefined) return `it belongs ${home.name}`;
  const meant = closest(key, here);
  if (meant !== null) return `did you mean "${meant}"?`;
  for (const level of others) {
    const there = closest(key, level.keys);
    if (there !== null) return `did you mean "${there}" ${level.name}?`;
  }
  return null;
}

/** Levels below come first, then those above. */
function remoteness(level: readonly string[], from: readonly string[]): number {
  const shared = level.findIndex((key, i) => key !== from[i]);
  const common = shared === -1 ? level.length : shared;
  return from.length - common + (level.length - common) / 10;
}

/** The mark of the place itself or of the nearest one around it. */
function markAbove(path: Path, source: Source) {
  for (let length = path.length; length > 0; length--) {
    const mark = source.marks.get(keyOf(path.slice(0, length)));
    if (mark !== undefined) return mark;
  }
  return { line: 1, column: 1, offset: 0 };
}

/** A JSON pointer → a path; what is an index is told by the data. */
function pathOf(pointer: string, data: unknown): Path {
  const path: (string | number)[] = [];
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(valueAt(path, data)) ? Number(key) : key);
  }
  return path;
}

function valueAt(path: Path, data: unknown): unknown {
  let value = data;
  for (const part of path) value = Object(value)[part];
  return value;
}
