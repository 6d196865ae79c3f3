// Folds typebox's errors into one readable problem per mistake. typebox reports an unknown key twice, and a value that fits no
// member of a union once per member; here each place gets one problem.
import { describeValue, problemAt, showPath, type Mark, type Path, type Problem } from './problem.ts';
import { closest } from './suggest.ts';
import { expectation, freeValue, keysAt, levels, ROOT, shapeAt, trailOf, type Level, type Shape } from './shape.ts';
import { foreignKey, foreignValue } from './foreign.ts';
import { isTime } from './shorthand.ts';
import { keyOf, type Source } from './yaml.ts';

/** The fields of typebox's error that are used. */
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
  const missing = new Map<string, Problem>();
  const reported = new Set(source.problems.map(({ path }) => path));
  const bad = new Set<string>();
  const unions = errors.filter((error) => error.keyword === 'anyOf').map((error) => `${error.schemaPath}/anyOf/`);
  for (const error of errors) {
    if (unions.some((union) => error.schemaPath.startsWith(union))) continue;
    if (error.keyword === 'additionalProperties') continue; // each such key has its own `boolean` error
    const path = pathOf(error.instancePath, source.data);
    for (const key of missingKeys(error)) {
      const place = [...path, key];
      const expected = expectation(shapeAt(place) ?? {});
      missing.set(keyOf(place), problemAt(markAbove(path, source), place, `missing, ${expected}`));
    }
    if (error.keyword === 'required') continue;
    bad.add(keyOf(path));
    if (problems.has(keyOf(path)) || reported.has(showPath(path))) continue;
    if (error.keyword === 'boolean') {
      const { problem, meant } = unknownKey(path, markAbove(path, source));
      problems.set(keyOf(path), problem);
      // A misspelt key was meant to be the other one: do not also report that one as missing or defaulted.
      if (meant !== null) bad.add(keyOf([...path.slice(0, -1), meant]));
    } else {
      problems.set(keyOf(path), wrongValue(path, source));
    }
  }
  for (const place of bad) missing.delete(place);
  return { problems: [...problems.values(), ...missing.values()], bad };
}

function missingKeys(error: SchemaError): readonly string[] {
  const { params } = error;
  const missing = 'requiredProperties' in params ? params.requiredProperties : [];
  return Array.isArray(missing) ? missing.filter((key) => typeof key === 'string') : [];
}

function wrongValue(path: Path, source: Source): Problem {
  const value = valueAt(path, source.data);
  const shape = shapeAt(path) ?? {};
  const complaint =
    (Array.isArray(value) ? shape.judgeList?.(value) : typeof value === 'string' ? shape.judge?.(value) : null) ?? null;
  const time = isTime(path.at(-1), shape) ? ', or a time such as 30s, 5m or 500ms' : '';
  const message = `${complaint?.expected ?? expectation(shape) + time}, got ${found(value, shape)}`;
  return problemAt(markAbove(path, source), path, message, complaint?.hint ?? hintFor(value, shape, path));
}

function found(value: unknown, shape: Shape): string {
  const many = Array.isArray(value) ? value.length : Object.keys(Object(value)).length;
  const isKind = Array.isArray(value) ? shape.type === 'array' : typeof value === 'object' && shape.type === 'object';
  return isKind && value !== null && (shape.maxItems ?? shape.maxProperties) !== undefined
    ? String(many)
    : describeValue(value);
}

function hintFor(value: unknown, shape: Shape, path: Path): string | null {
  if (typeof value === 'string' && shape.enum !== undefined) {
    const allowed = shape.enum.map(String);
    const meant = foreignValue(value, allowed) ?? closest(value, allowed);
    return meant === null ? null : `did you mean "${meant}"?`;
  }
  if (typeof value === 'string' && shape.type === 'integer' && /^[0-9][0-9_]*$/.test(value)) {
    return 'write the number without quotes and separators';
  }
  const short = typeof value === 'string' && shape.type === 'integer' ? /^(\d{1,6}) ?([km])$/i.exec(value) : null;
  if (short !== null) return `write the number out: ${short[1]}${short[2]?.toLowerCase() === 'k' ? '000' : '000000'}`;
  if (typeof value === 'string' && path.at(-2) === 'backends') {
    return 'write "HOST:PORT", or "host: …" and "port: …"';
  }
  if (Array.isArray(value) && freeValue(shape) !== undefined) {
    return 'not "- name: web" and its keys, but "web:" and its keys below it, further in';
  }
  if (typeof value === 'string' && shape === ROOT && /^[\w-]+:\S/.test(value)) return 'a space belongs behind ":"';
  if (typeof value === 'number' && shape.type === 'string') return 'put it in quotes';
  if (Array.isArray(value) && shape.type === 'string') return 'an IPv6 address needs quotes, not brackets: "::1"';
  if (value === null && shape.type === 'object') return 'remove the line, or put indented keys below it';
  if (shape.type === 'array' && value !== null && !Array.isArray(value)) return 'begin each entry with "- "';
  const least = shape.required ?? shape.least;
  if (least !== undefined) return `write ${least.map((key) => `"${key}: …"`).join(' and ')}`;
  return null;
}

interface UnknownKey {
  readonly problem: Problem;
  /** The key of the same map that was most likely meant. */
  readonly meant: string | null;
}

function unknownKey(path: Path, mark: Mark): UnknownKey {
  const parent = path.slice(0, -1);
  const key = String(path.at(-1));
  const names = shapeAt(parent)?.names;
  if (names !== undefined) return { problem: problemAt(mark, path, `expected ${names}`), meant: null };
  const here = keysAt(parent);
  const others = otherLevels(parent, here);
  const home = others.find((level) => level.keys.includes(key));
  const meant = home === undefined ? closest(key, here) : null;
  const foreign = home === undefined && meant === null ? foreignKey(key) : null;
  const hint = home === undefined ? (foreign ?? didYouMean(key, meant, others)) : `it belongs ${home.name}`;
  return { problem: problemAt(mark, path, 'unknown key', hint), meant };
}

function didYouMean(key: string, meant: string | null, others: readonly Level[]): string | null {
  if (key === '<<') return 'merge keys are not part of YAML 1.2; what services share goes to the top level';
  if (meant !== null) return `did you mean "${meant}"?`;
  for (const level of others) {
    const there = closest(key, level.keys);
    if (there !== null) return `did you mean "${there}" ${level.name}?`;
  }
  return null;
}

/**
 * Returns the other levels that allow keys, nearest first; at equal distance services come first, because most misplaced keys
 * belong there.
 */
function otherLevels(parent: Path, here: readonly string[]): Level[] {
  const trail = trailOf(parent);
  return levels()
    .filter((level) => level.keys.join() !== here.join())
    .sort((a, b) => remoteness(a.trail, trail) - remoteness(b.trail, trail) || isServices(b) - isServices(a));
}

function isServices({ trail }: Level): number {
  return Number(trail.at(-1) === 'services');
}

/** Ranks levels below before those above. */
function remoteness(level: readonly string[], from: readonly string[]): number {
  const shared = level.findIndex((key, i) => key !== from[i]);
  const common = shared === -1 ? level.length : shared;
  return from.length - common + (level.length - common) / 10;
}

/** Returns the mark of the place itself, or of the nearest enclosing one. */
function markAbove(path: Path, source: Source): Mark {
  for (let length = path.length; length > 0; length--) {
    const mark = source.marks.get(keyOf(path.slice(0, length)));
    if (mark !== undefined) return mark;
  }
  return { line: 1, column: 1, offset: 0 };
}

/** Turns a JSON pointer into a path; the data tells which parts are indexes. */
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
