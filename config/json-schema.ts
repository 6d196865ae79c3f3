// The schema as plain JSON Schema (draft 2020-12), for editors: descriptions and defaults, none of our keywords. It accepts the
// short forms too, but does not judge addresses: `bal check` does.
import { isTime } from './shorthand.ts';
import { ROOT, type Shape } from './shape.ts';

type Json = Readonly<Record<string, unknown>>;

const TIME = { type: 'string', pattern: '^[0-9]{1,9}(\\.[0-9]{1,3})?(ms|s|m|h|d)$' };
const ADDRESS = {
  type: 'string',
  description: 'HOST:PORT, [IPV6]:PORT or unix:/PATH',
  pattern: '^(unix:/.+|.+:[0-9]+)$',
};
const GROUP = { type: 'integer', minimum: 0, maximum: 4_294_967_294 };
const PORT = { type: 'integer', minimum: 1, maximum: 65_535 };

export function jsonSchema(): Json {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of bal',
    ...plain(ROOT, []),
  };
}

function plain(shape: Shape, path: readonly string[]): Json {
  const key = path.at(-1);
  const own = { ...bounds(shape), ...parts(shape, path) };
  const said = words(shape);
  if (isTime(key, shape)) return { ...said, anyOf: [own, TIME] };
  if (path.length === 1 && key === 'admin') return { ...said, anyOf: [own, PORT] };
  if (path.length === 1 && key === 'control_group') return { ...said, anyOf: [own, GROUP] };
  if (key === '[]' && path.at(-2) === 'backends') return { ...said, anyOf: [own, ADDRESS] };
  return { ...own, ...said };
}

const BOUNDS = [
  'type',
  'enum',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'required',
  'additionalProperties',
] as const;

function bounds(shape: Shape): Json {
  return Object.fromEntries(Object.entries(shape).filter(([key]) => (BOUNDS as readonly string[]).includes(key)));
}

function words({ description, default: value, obsolete }: Shape): Json {
  return {
    ...(description !== undefined && { description: description.replaceAll('`', '') }),
    ...(value !== undefined && { default: value }),
    ...(obsolete === true && { deprecated: true }),
  };
}

function parts({ properties, patternProperties, items }: Shape, path: readonly string[]): Json {
  const each = (shapes: Readonly<Record<string, Shape>>, name?: string): Json =>
    Object.fromEntries(Object.entries(shapes).map(([key, shape]) => [key, plain(shape, [...path, name ?? key])]));
  return {
    ...(properties !== undefined && { properties: each(properties) }),
    ...(patternProperties !== undefined && { patternProperties: each(patternProperties, '*') }),
    ...(items !== undefined && { items: plain(items, [...path, '[]']) }),
  };
}
