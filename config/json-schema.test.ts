import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { jsonSchema } from './json-schema.ts';
import { readYaml } from './yaml.ts';

// What comes out of JSON has nothing of ours left but what is written.
const schema: object = JSON.parse(JSON.stringify(jsonSchema()));
/** Another library's than the one that made it; strict: a keyword that it does not know is an error. */
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
