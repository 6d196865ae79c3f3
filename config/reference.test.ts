import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HealthCheckSchema } from './health-check-schema.ts';
import { renderReference } from './reference.ts';
import { levels, ROOT, shapeAt, type Shape } from './shape.ts';
import { RUNTIME_KEYS } from './tune.ts';

const HEALTH_CHECK_KEYS = Object.keys(HealthCheckSchema.properties);

test('every key of the schema has a description in both languages', () => {
  const missing: string[] = [];
  const visit = (shape: Shape, path: string) => {
    for (const [key, inner] of Object.entries({ ...shape.properties, ...shape.items?.properties })) {
      if (inner.description === undefined || inner.description === '') missing.push(`${path}.${key} en`);
      if (inner.ko === undefined || !/\p{Script=Hangul}/u.test(inner.ko)) missing.push(`${path}.${key} ko`);
      visit(inner, `${path}.${key}`);
    }
  };
  visit(ROOT, '');
  assert.deepEqual(missing, []);
});

test('the reference has one row for every key, in both languages', () => {
  for (const language of ['en', 'ko'] as const) {
    const rows = renderReference(language)
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.split('`')[1]);
    const expected = [
      ...Object.keys(ROOT.properties ?? {}),
      'access.allow',
      'access.deny',
      'backends[].host',
      'backends[].port',
      'backends[].unix',
      'backends[].discover',
      'backends[].weight',
      'backends[].backup',
      'backends[].max_connections',
      'backends[].send_proxy_protocol',
      'backends[].source',
      'accept_proxy_protocol.from',
      'services.NAME.server_name',
      'services.NAME.alpn',
      ...HEALTH_CHECK_KEYS.map((key) => `health_check.${key}`),
      ...RUNTIME_KEYS,
    ];
    assert.deepEqual(new Set(rows), new Set(expected));
    assert.equal(rows.length, expected.length);
  }
});

test('the reference is a well-formed table with bounds and defaults', () => {
  const lines = renderReference('en').split('\n');
  assert.ok(
    lines.includes(
      '| `workers` | 1–256 | one per available core, or per core of its CPU quota | number of worker processes |',
    ),
  );
  assert.ok(lines.some((line) => line.startsWith('| `tcp_backlog` | 1–65535 | 4096 | 4096 | 4096 | ')));
  assert.ok(
    lines.some((line) => line.startsWith("| `backends[].source` | text, or list of texts | the system's choice | ")),
  );
  assert.ok(lines.some((line) => line.startsWith('| `backends[].backup` | `false`, `true` | `false` | ')));
  for (const line of lines.filter((line) => line.startsWith('|'))) {
    assert.ok([4, 6].includes(line.split(/(?<!\\)\|/).length - 2), line);
  }
});

test('levels() knows every map of the file', () => {
  assert.deepEqual(
    levels().map(({ trail }) => trail.join('.')),
    [
      '',
      'accept_proxy_protocol',
      'access',
      'backends',
      'health_check',
      'runtime',
      'services',
      'services.accept_proxy_protocol',
      'services.access',
      'services.backends',
      'services.health_check',
      'services.runtime',
    ],
  );
});

test('shapeAt() finds nothing where nothing may be', () => {
  assert.equal(shapeAt(['backends', 3, 'port'])?.maximum, 65_535);
  assert.equal(shapeAt(['services', 'any', 'port'])?.maximum, 65_535);
  assert.equal(shapeAt(['port', 'x']), null);
  assert.equal(shapeAt(['constructor']), null);
});
