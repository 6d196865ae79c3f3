import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from './load.ts';
import { ROOT, shapeAt } from './shape.ts';
import { readYaml } from './yaml.ts';

const folder = join(import.meta.dirname, '..', '..', 'sample'); // from .build/config

test('sample/config.yaml is the recommended minimal configuration', async () => {
  const text = await readFile(join(folder, 'config.yaml'), 'utf8');
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  assert.equal(lines.join('\n'), 'port: 9295\nbackends:\n  - host: "127.0.0.1"\n    port: 9000\n');
});

test('sample/config.advanced.yaml has every key of the schema and no other, and loads without errors', async () => {
  const text = await readFile(join(folder, 'config.advanced.yaml'), 'utf8');
  const { errors, warnings } = parseConfig(text, 'config.advanced.yaml');
  assert.deepEqual([errors, warnings], [[], []]);
  const { data } = readYaml(text);
  const keysOf = (value: unknown) => Object.keys(Object(value)).sort();
  const allowed = (...path: (string | number)[]) =>
    Object.entries(shapeAt(path)?.properties ?? {})
      .filter(([, shape]) => shape.obsolete !== true)
      .map(([key]) => key)
      .sort();
  const { runtime, health_check, accept_proxy_protocol, backends, services } = Object(data);
  // A path at the top level would apply to every service.
  assert.deepEqual(keysOf({ ...services.database, ...Object(data) }), allowed());
  assert.deepEqual(keysOf(runtime), allowed('runtime'));
  // No check type has all keys.
  const checks = { ...health_check, ...services.database.health_check };
  assert.deepEqual(keysOf(checks), allowed('health_check'));
  // No backend has both an address and a path, or both an address and a name.
  assert.deepEqual(
    keysOf({ ...backends[0], ...backends[1], ...services.database.backends[1] }),
    allowed('backends', 0),
  );
  assert.deepEqual(keysOf(accept_proxy_protocol), allowed('accept_proxy_protocol'));
  // The database does not share its port.
  assert.deepEqual(keysOf({ ...services.www, ...services.database }), allowed('services', 'database'));
  assert.ok(ROOT.properties?.['mode']?.obsolete);
});
