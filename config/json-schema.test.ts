import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { jsonSchema } from './json-schema.ts';
import { parseConfig } from './load.ts';
import { readYaml } from './yaml.ts';

// The round trip through JSON drops everything that is not plain JSON.
const schema: object = JSON.parse(JSON.stringify(jsonSchema()));
/** An independent validator; strict: an unknown keyword is an error. */
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);

function isValid(text: string): boolean {
  const { data, problems } = readYaml(text);
  assert.deepEqual(problems, []);
  return validate(data);
}

test('the samples are valid by the JSON Schema', () => {
  for (const name of ['config.yaml', 'config.advanced.yaml']) {
    const text = readFileSync(join(import.meta.dirname, '..', '..', 'sample', name), 'utf8');
    assert.ok(isValid(text), name);
  }
});

test('short forms are valid, and what bal refuses for its form is not', () => {
  for (const good of [
    'backends: ["a:1", "[::1]:2", "unix:/a.sock"]\nadmin: 9296\nruntime: {drain_timeout_ms: 30s}\n',
    'services: {web: {port: 80, backends: [{host: a, port: 1, weight: 5}], runtime: {tcp_keepalive_ms: 0}}}\n',
  ]) {
    assert.ok(isValid(good), good);
  }
  for (const bad of [
    'port: 0\n',
    'prt: 80\n',
    'admin: 0\n',
    'method: leastconn\n',
    'backends: []\n',
    'backends: [a]\n',
    'backends: [{host: a, port: 99999}]\n',
    'runtime: {drain_timeout_ms: 30x}\n',
    'runtime: {queue_max: 10k}\n',
    'services: {"a b": {}}\n',
    'services: [{name: web}]\n',
  ]) {
    assert.ok(!isValid(bad), bad);
  }
});

type Way = readonly (string | number)[];

/** Returns the path of every value from the top. */
function waysIn(value: unknown, way: Way = []): Way[] {
  if (typeof value !== 'object' || value === null) return [way];
  const parts = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [...(way.length > 0 ? [way] : []), ...parts.flatMap(([key, part]) => waysIn(part, [...way, key]))];
}

/** Replacement values, valid or not. */
const SCALARS = [0, 1, -1, 3.5, 1e9, '', 'x', '30s', '10k', 'a:1', '/tmp/a.sock', '10.0.0.0/8', true, null];
const VALUES: readonly unknown[] = [...SCALARS, [], {}, ['a'], [{ host: 'a', port: 1 }], { allow: ['10.0.0.0/8'] }];
/** How many replacements are tried at each place, in turn: parsing YAML is slow. */
const AT_EACH = 6;

/** Errors of form, which a schema can see. It cannot judge texts, such as addresses, or which keys go together. */
const FORM = /^(unknown key|expected (integer|true or false|one of|a time|a map|a list))/;

test('what bal accepts of changed samples is valid by the JSON Schema, and what it refuses for its form is not', () => {
  const seen = { accepted: 0, refused: 0 };
  for (const name of ['config.yaml', 'config.advanced.yaml']) {
    const sample = readYaml(readFileSync(join(import.meta.dirname, '..', '..', 'sample', name), 'utf8')).data;
    for (const [place, way] of waysIn(sample).entries()) {
      const values = Array.from({ length: AT_EACH }, (_, i) => VALUES[(place * AT_EACH + i) % VALUES.length]);
      const changes = values.map((value) => ({ value, suffix: '' }));
      if (typeof way.at(-1) === 'string') changes.push({ value: 1, suffix: 'x' });
      for (const { value, suffix } of changes) {
        const changed: unknown = structuredClone(sample);
        const holder = way.slice(0, -1).reduce<unknown>((part, key) => Reflect.get(Object(part), key), changed);
        const key = way.at(-1) ?? '';
        Reflect.set(Object(holder), suffix === '' ? key : `${key}${suffix}`, value);
        const { errors } = parseConfig(JSON.stringify(changed), 'config.yaml');
        const what = `${name}, ${way.join('.')}${suffix}: ${JSON.stringify(value)}`;
        if (errors.length === 0 && ++seen.accepted) assert.ok(validate(changed), what);
        if (errors.some(({ message }) => FORM.test(message)) && ++seen.refused) assert.ok(!validate(changed), what);
      }
    }
  }
  assert.ok(seen.accepted > 50 && seen.refused > 500, JSON.stringify(seen));
});

test('it is JSON Schema and nothing else: descriptions and defaults, no keyword of ours', () => {
  const text = JSON.stringify(schema);
  for (const own of ['"ko"', '"tuned"', '"defaultText"', '"judge', '"names"', '"typeText"', '"~'])
    assert.ok(!text.includes(own), own);
  const { properties } = schema as { properties: Record<string, Record<string, unknown>> };
  assert.deepEqual(properties['port'], {
    type: 'integer',
    minimum: 1,
    maximum: 65_535,
    description: 'port to listen on',
    default: 9295,
  });
});

test('share/config.schema.json, which the samples name for editors, is that schema (npm run docs)', () => {
  const root = join(import.meta.dirname, '..', '..');
  const written = readFileSync(join(root, 'share', 'config.schema.json'), 'utf8');
  assert.equal(written, `${JSON.stringify(jsonSchema(), null, 2)}\n`);
  for (const name of ['config.yaml', 'config.advanced.yaml']) {
    const [first = ''] = readFileSync(join(root, 'sample', name), 'utf8').split('\n');
    assert.match(
      first,
      /^# yaml-language-server: \$schema=https:\/\/\S+\/bal\/main\/share\/config\.schema\.json$/,
      name,
    );
  }
});
