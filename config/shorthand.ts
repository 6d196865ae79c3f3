// Expands the short forms of a configuration before anything else sees it: `30s` for milliseconds, "host:port" for a backend, a
// bare port for `admin`, the number of a group. Any other value stays as it is.
import { durationMs } from './duration.ts';
import { splitAddress } from './host.ts';
import type { Mark, Path } from './problem.ts';
import { childOf, ROOT, type Shape } from './shape.ts';
import { keyOf, type Source } from './yaml.ts';

export function expandShorthand(source: Source): Source {
  const marks = new Map<string, Mark>(source.marks);
  return { ...source, data: expand(source.data, [], ROOT), marks };

  function expand(value: unknown, path: Path, shape: Shape | undefined): unknown {
    if (shape === undefined) return value;
    const last = path.at(-1);
    if (typeof value === 'string' && isTime(last, shape)) return durationMs(value) ?? value;
    if (typeof value === 'string' && typeof last === 'number' && path.at(-2) === 'backends')
      return backend(value, path);
    if (path.length === 1 && last === 'admin' && isPort(value)) return `127.0.0.1:${value}`;
    if (path.length === 1 && last === 'control_group' && Number.isInteger(value)) return String(value);
    if (Array.isArray(value)) return value.map((item, i) => expand(item, [...path, i], childOf(shape, i)));
    if (value === null || typeof value !== 'object') return value;
    const copy: Record<string, unknown> = Object.create(null);
    for (const [key, inner] of Object.entries(value)) copy[key] = expand(inner, [...path, key], childOf(shape, key));
    return copy;
  }

  function backend(text: string, path: Path): unknown {
    const keys = backendKeys(text);
    const mark = marks.get(keyOf(path));
    if (keys === null) return text;
    if (mark !== undefined) for (const key of Object.keys(keys)) marks.set(keyOf([...path, key]), mark);
    return Object.assign(Object.create(null), keys);
  }
}

/** Parses `10.0.0.7:5432`, `[::1]:5432` or `unix:/run/app.sock`; null for anything else. */
export function backendKeys(text: string): { host: string; port: number } | { unix: string } | null {
  if (text.startsWith('unix:/')) return { unix: text.slice('unix:'.length) };
  return splitAddress(text);
}

/** Whether the key holds milliseconds. */
export function isTime(key: string | number | undefined, shape: Shape): boolean {
  return shape.type === 'integer' && typeof key === 'string' && key.endsWith('_ms');
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;
}
