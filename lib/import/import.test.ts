import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseConfig } from '../../config/load.ts';
import { HAPROXY, NGINX } from '../testing/foreign-configs.ts';
import { importConfig, type Imported } from './import.ts';
import { formatNote } from './ledger.ts';

const ALL = [...HAPROXY, ...NGINX];

function imported(text: string, environment: Readonly<Record<string, string>> = {}): Promise<Imported> {
  return importConfig({ file: 'a.cfg', text, folder: '/nonexistent', environment });
}

async function isValid(text: string): Promise<Imported> {
  const made = await imported(text);
  if (made.kind === 'made') assert.deepEqual(parseConfig(made.text, 'bal.yaml').errors, [], `${text}\n${made.text}`);
  return made;
}

test('what is made of each configuration is valid, and nothing had to be left out for that', async () => {
  for (const text of ALL) {
    const made = await isValid(text);
    assert.equal(made.kind, 'made');
    const { warnings } = parseConfig(made.kind === 'made' ? made.text : '', 'bal.yaml');
    assert.deepEqual(warnings, []);
    const left = made.kind === 'made' ? made.notes.filter(({ why }) => why.startsWith('bal check would')) : [];
    assert.deepEqual(left, []);
  }
});

test('a line that bal import does not know is told, wherever it stands', async () => {
  for (const [text, strange] of [
    ...HAPROXY.map((it) => [it, '  frobnicate 1'] as const),
    ...NGINX.map((it) => [it.replace(/^http.*$/m, ''), 'frobnicate 1;'] as const),
  ]) {
    const lines = text.split('\n');
    for (let i = 1; i < lines.length; i += 2) {
      const made = await imported(lines.toSpliced(i, 0, strange).join('\n'));
      const notes = made.kind === 'unknown' ? [] : made.notes;
      assert.ok(
        notes.some(({ line, what }) => line === i + 1 && what.startsWith('frobnicate')),
        `line ${i + 1} of\n${text}`,
      );
    }
  }
});

test('what is quoted from the file stays within its comment, and has nothing that a terminal would obey', async () => {
  const good = 'listen good\nbind 127.0.0.1:80\nserver s 10.0.0.1:80\n';
  const made = await imported(
    `${good}frontend bad
  mode "ht\\nadmin: 0.0.0.0:1 \\x1b[31m"
  bind :81 toString
backend "b\\nadmin: 0.0.0.0:1"
  mode "tc\\nadmin: 0.0.0.0:1"
  server s constructor@10.0.0.1:1 __proto__ valueOf
listen odd
  bind 127.0.0.1:82
  balance constructor
  use_backend "b\\nadmin: 0.0.0.0:1"
  server s 10.0.0.1:1 constructor toString
`,
  );
  assert.ok(made.kind === 'made');
  const { plan } = parseConfig(made.text, 'bal.yaml');
  assert.equal(plan?.admin, null);
  assert.doesNotMatch(made.text, /^admin|[^\P{Cc}\n]|native code/mu);
  for (const note of made.notes) assert.doesNotMatch(formatNote(note), /\p{Cc}|native code/u);
});

/** Recombines lines and words of all samples. */
test('whatever is made of whatever file is valid', async () => {
  const lines = ALL.map((text) => text.split('\n'));
  const words = [...new Set(ALL.flatMap((text) => text.split(/[\s;{}]+/)))];
  const place = fc.nat({ max: 1_000_000 });
  const change = fc.oneof(
    fc.record({ kind: fc.constant('drop' as const), at: place, from: place }),
    fc.record({ kind: fc.constant('copy' as const), at: place, from: place }),
    fc.record({ kind: fc.constant('word' as const), at: place, from: place }),
    fc.record({ kind: fc.constant('cut' as const), at: place, from: place }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.nat(ALL.length - 1),
      fc.array(change, { minLength: 1, maxLength: 8 }),
      async (which, changes) => {
        let text = [...(lines[which] ?? [])];
        for (const { kind, at, from } of changes) {
          const i = at % Math.max(text.length, 1);
          const line = text[i] ?? '';
          const parts = line.split(/(\s+)/);
          if (kind === 'drop') text.splice(i, 1);
          else if (kind === 'copy') text = text.toSpliced(i, 0, text[from % Math.max(text.length, 1)] ?? '');
          else if (kind === 'word')
            text[i] = parts.with(from % parts.length, words[from % words.length] ?? '').join('');
          else text[i] = line.slice(0, from % (line.length + 1));
        }
        await isValid(text.join('\n'));
      },
    ),
    { numRuns: 120, seed: 16 },
  );
});

test('garbage is told from a configuration, and nothing makes it throw', async () => {
  for (const text of [
    '',
    '\n\n',
    'hello world',
    '{"a": 1}',
    'port: 9295\nbackends:\n  - host: a\n',
    '{'.repeat(10_000),
  ]) {
    assert.notEqual((await imported(text)).kind, 'made', text.slice(0, 20));
  }
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 200, unit: 'binary' }), fc.constantFrom(...ALL), async (noise, text) => {
      await isValid(noise);
      await isValid(`${text}${noise}`);
    }),
    { numRuns: 30, seed: 16 },
  );
  const long = `listen a\n${'  acl x src 10.0.0.1\n'.repeat(15_000)}  bind :1\n  server s 10.0.0.1:1\n`;
  assert.equal((await isValid(long)).kind, 'made');
  assert.equal((await imported(`stream {${'map $a $b {'.repeat(500)}`)).kind, 'nothing');
});

/** Backends at addresses of bal's own, as words of HAProxy. */
function ownServers(count: number, port: number): string {
  return Array.from({ length: count }, (_, i) => `  server s${i} 127.0.0.${i + 1}:${port}\n`).join('');
}

test('all backends that cannot stay are left out after one parse', async () => {
  const made = await isValid(`listen a\n  bind :81\n  server good 10.0.0.1:80\n${ownServers(60, 81)}`);
  assert.ok(made.kind === 'made');
  const places = made.notes.flatMap(({ why }) => /services\.a\.backends\[(\d+)\]: a loop/.exec(why)?.[1] ?? []);
  // One at a time, each would have been the one at 1 when its turn came.
  assert.deepEqual(
    places.map(Number).toSorted((x, y) => x - y),
    Array.from({ length: 60 }, (_, i) => i + 1),
  );
});

test('a service whose only other servers are backups, or take no clients, is told when the rest is left out', async () => {
  const service = (name: string, port: number, rest: string) =>
    `listen ${name}\n  bind :${port}\n  server x 127.0.0.1:${port}\n  server y 10.0.0.1:80 ${rest}\n`;
  const made = await isValid(service('a', 81, 'backup') + service('b', 82, 'weight 0'));
  assert.ok(made.kind === 'made');
  const { plan } = parseConfig(made.text, 'bal.yaml');
  assert.deepEqual(
    plan?.services.map(({ name, backends }) => [name, backends.map(({ address, backup }) => `${address} ${backup}`)]),
    [['a', ['10.0.0.1:80 false']]],
  );
  const notes = made.notes.filter(({ what }) => what.startsWith('bind')).map(({ kind, why }) => `${kind} ${why}`);
  assert.deepEqual(notes, [
    'differs all servers are backups, so the first one is none',
    'lost no server of it takes clients',
  ]);
});

test('of a loop through two services only one of them loses its part', async () => {
  const made = await isValid(
    `listen a\n  bind :81\n  server good 10.0.0.1:80\n${ownServers(9, 82)}` +
      `listen b\n  bind :82\n  server good 10.0.0.1:80\n${ownServers(9, 81)}` +
      `listen c\n  bind :83\n${ownServers(3, 83)}`,
  );
  assert.ok(made.kind === 'made');
  const { plan } = parseConfig(made.text, 'bal.yaml');
  assert.deepEqual(
    plan?.services.map(({ name, backends }) => `${name} ${backends.length}`),
    ['a 1', 'b 10'],
  );
  const lost = made.notes.filter(({ why }) => why.startsWith('bal check would say'));
  assert.equal(lost.length, 9 + 3);
});
