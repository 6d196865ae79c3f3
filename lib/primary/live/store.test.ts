import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { anyText } from '../../testing/any-text.ts';
import type { Overrides } from './overrides.ts';
import { MAX_OVERRIDES } from './overrides.ts';
import { createStore, parseStore, readStore } from './store.ts';

const CONFIG = '/etc/bal/config.yaml';
const SOME: Overrides = [
  {
    service: 'web',
    address: 'a:1',
    drained: { since: 1000, cutAt: 9000 },
    weight: { value: 0, since: 2000 },
    presence: null,
  },
  {
    service: 'web',
    address: '[::1]:2',
    drained: { since: 1000, cutAt: null },
    weight: null,
    presence: { kind: 'added', host: '::1', port: 2, since: 3000 },
  },
  { service: 'db', address: 'b:1', drained: null, weight: null, presence: { kind: 'removed', since: 4000 } },
  {
    service: 'db',
    address: 'unix:/run/db.sock',
    drained: null,
    weight: null,
    presence: { kind: 'added', host: '/run/db.sock', port: 0, since: 3000 },
  },
];

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'bal-store-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('what is written is read again, for its owner alone, and nothing else is left', async (t) => {
  const dir = folder(t);
  const path = join(dir, 'backends.json');
  const store = createStore(path, CONFIG);
  for (const overrides of [SOME, SOME.slice(1)]) {
    await store.write(overrides);
    assert.deepEqual(await readStore(path, CONFIG), { overrides, fault: null });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(dir), ['backends.json']);
  }
  await store.write([]);
  assert.deepEqual(readdirSync(dir), []);
  assert.deepEqual(await readStore(path, CONFIG), { overrides: [], fault: null });
});

test('as many changes as there can be are read again, with the longest names', async (t) => {
  const path = join(folder(t), 'backends.json');
  const overrides = Array.from({ length: MAX_OVERRIDES }, (_, i): Overrides[number] => {
    const host = `${`${i}`.padStart(61, 'x')}.${'x'.repeat(63)}.${'x'.repeat(63)}.${'x'.repeat(63)}`;
    const presence = { kind: 'added', host, port: 65_535, since: 3000 } as const;
    const [drained, weight] = [
      { since: 1000, cutAt: 9000 },
      { value: 256, since: 1 },
    ] as const;
    return { service: 'x'.repeat(64), address: `${host}:65535`, drained, weight, presence };
  });
  await createStore(path, CONFIG).write(overrides);
  assert.deepEqual(await readStore(path, CONFIG), { overrides, fault: null });
});

test('a write that fails leaves what was there', async (t) => {
  const dir = folder(t);
  const path = join(dir, 'backends.json');
  const store = createStore(path, CONFIG);
  await store.write(SOME);
  // A directory in the draft's place makes the write fail.
  mkdirSync(`${path}.new`);
  await assert.rejects(store.write(SOME.slice(1)));
  assert.deepEqual(await readStore(path, CONFIG), { overrides: SOME, fault: null });
});

test('what is no such file is put aside, and says why', async (t) => {
  const dir = folder(t);
  const path = join(dir, 'backends.json');
  const written = async (): Promise<string> => {
    await createStore(path, CONFIG).write(SOME);
    return readFileSync(path, 'utf8');
  };
  const good = await written();
  const bad: readonly (readonly [string, RegExp])[] = [
    ['', /not JSON/],
    ['[]', /no list of changes/],
    [good.slice(0, -20), /not JSON/],
    [good.replace('"version": 1', '"version": 2'), /version 2, not 1/],
    [good.replace(CONFIG, '/other.yaml'), /belongs to the configuration \/other.yaml/],
    [good.replace('"a:1"', '7'), /change 1 in it is none/],
    [good.replace('"weight": 0', '"weight": 257'), /change 1 in it is none/],
    [good.replace('"host": "::1"', '"host": "::2"'), /change 2 in it is none/],
    [good.replace('1970-01-01T00:00:04.000Z', 'yesterday'), /change 3 in it is none/],
    [good.replace('"db"', '"web"').replace('"b:1"', '"a:1"'), /change 3 in it is none, or there twice/],
    ['x'.repeat(5 * 1024 * 1024), /too large/],
  ];
  for (const [text, why] of bad) {
    writeFileSync(path, text);
    const { overrides, fault } = await readStore(path, CONFIG);
    assert.deepEqual(overrides, [], text.slice(0, 99));
    assert.match(fault ?? '', why);
    assert.match(fault ?? '', /it is .*backends\.json\.aside now$/);
    assert.equal(existsSync(path), false);
    assert.equal(readFileSync(`${path}.aside`, 'utf8'), text);
  }
});

test('what is no regular file at all is put aside, too', async (t) => {
  const dir = folder(t);
  const path = join(dir, 'backends.json');
  const target = join(dir, 'target');
  await createStore(target, CONFIG).write(SOME);
  symlinkSync(target, path);
  assert.match((await readStore(path, CONFIG)).fault ?? '', /cannot be read: ELOOP; it is /);
  mkdirSync(path);
  rmSync(`${path}.aside`);
  assert.match((await readStore(path, CONFIG)).fault ?? '', /no file; it is /);
  assert.deepEqual((await readStore(target, CONFIG)).overrides, SOME, 'nobody touched what the link led to');
});

const isRoot = process.getuid?.() === 0 ? ' (skipped: root may read everything)' : '';
test(`a file that may not be read is no reason not to start${isRoot}`, { skip: isRoot !== '' }, async (t) => {
  const path = join(folder(t), 'backends.json');
  await createStore(path, CONFIG).write(SOME);
  chmodSync(path, 0);
  assert.match((await readStore(path, CONFIG)).fault ?? '', /cannot be read: EACCES/);
});

test('no text makes the reader throw', () => {
  fc.assert(fc.property(anyText(), (text) => 'fault' in parseStore(text, CONFIG)));
  const value = fc.jsonValue();
  fc.assert(
    fc.property(
      fc.array(fc.record({ service: value, address: value, drained: value, weight: value, presence: value })),
      (overrides) => {
        const read = parseStore(JSON.stringify({ version: 1, config: CONFIG, overrides }), CONFIG);
        return 'fault' in read || read.overrides.length === overrides.length;
      },
    ),
  );
});
