import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { Ledger } from './ledger.ts';
import { treeOf } from './nginx/language/tree.ts';
import { matching, readFile, readStdin } from './read.ts';

test('what is no text, too large or no file is told, and never waited for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bal-import-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const at = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  for (const [path, why] of [
    [at('binary', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0xff)), /not UTF-8/],
    [at('zero', 'listen a\n\0'), /control character on line 2/],
    [at('large', 'x'.repeat(1024 * 1024 + 1)), /too large: 1048577 bytes, at most 1048576/],
    [join(folder, 'none'), /^no such file$/],
    [folder, /a directory/],
    [join(folder, 'fifo'), /a FIFO/],
    ['/dev/zero', /a device/],
  ] as const) {
    const read = await readFile(path);
    assert.ok(!read.ok, path);
    assert.match(read.why, why);
  }
  assert.deepEqual(await readFile(at('good', '\ufefflisten a\n')), { ok: true, text: 'listen a\n' });
});

test('stdin is read up to a bound', async () => {
  assert.deepEqual(await readStdin(Readable.from([Buffer.from('a'), Buffer.from('b')])), { ok: true, text: 'ab' });
  function* endless() {
    for (;;) yield Buffer.alloc(65_536, 0x20);
  }
  const read = await readStdin(Readable.from(endless()));
  assert.match(read.ok ? '' : read.why, /too large/);
});

test('patterns stand for paths in order', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bal-import-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ['b', 'a', '.c']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'x.conf'), '');
    writeFileSync(join(folder, name, 'y1.conf'), '');
  }
  const of = async (pattern: string) =>
    (await matching(join(folder, pattern)))?.paths.map((path) => path.slice(folder.length + 1)) ?? null;
  assert.deepEqual(await of('*/x.conf'), ['a/x.conf', 'b/x.conf']);
  assert.deepEqual(await of('a/*.conf'), ['a/x.conf', 'a/y1.conf']);
  assert.deepEqual(await of('a/?[0-9].conf'), ['a/y1.conf']);
  assert.deepEqual(await of('a/[z-a].conf'), []);
  assert.equal(await of('nowhere/*'), null);
  assert.deepEqual(await of('plain'), ['plain']);
});

test('a pattern with many stars takes no time', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'bal-glob-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const name of ['a'.repeat(200), 'x1.cfg', 'x2.cfg', '.h.cfg']) writeFileSync(join(dir, name), '');
  const found = async (glob: string) =>
    (await matching(join(dir, glob)))?.paths.map((path) => path.slice(dir.length + 1));
  assert.deepEqual(await found(`${'*a'.repeat(20)}b`), []);
  assert.deepEqual(await found('*.cfg'), ['x1.cfg', 'x2.cfg']);
  assert.deepEqual(await found('x[!1].c?g'), ['x2.cfg']);
  assert.deepEqual(await found('[z-a]*'), []);
});

test('what a pattern does not look at in a large folder is told', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'bal-glob-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const cutOf = async (pattern: string) => (await matching(join(dir, pattern)))?.cut;
  for (let i = 0; i < 1001; i++) mkdirSync(join(dir, `d${i}`));
  assert.equal(await cutOf('d[0-8]*/x.conf'), null);
  assert.equal(await cutOf('d*/x.conf'), 'only 1000 of 1001 that match d*');
  for (let i = 0; i < 8999; i++) writeFileSync(join(dir, `f${i}`), '');
  assert.equal(await cutOf('*.conf'), null, '10,000 entries');
  writeFileSync(join(dir, 'one more'), '');
  assert.equal(await cutOf('*.conf'), `only 10000 of the 10001 entries of ${dir}`);
  const ledger = new Ledger();
  await treeOf('stream { include *.conf; }', 'a.conf', dir, ledger);
  assert.deepEqual(
    ledger.notes().map(({ kind, what, why }) => `${kind} ${what}: ${why}`),
    [`lost include *.conf: only 10000 of the 10001 entries of ${dir} were looked at`],
  );
});
