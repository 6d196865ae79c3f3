import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { backendText } from './diff.ts';
import { editBackend, type WrittenBackend } from './edit.ts';
import { parseConfig } from './load.ts';

const BLOCK = `# the head
port: 9295   # where clients come

backends:    # in order
  # the first
  - host: 10.0.0.1    # rack 1
    port: 5432
  # the second
  - port: 5432
    host: "10.0.0.2"
    weight: 5         # a big one

  - {host: 10.0.0.3, port: 5432}  # in braces
# the tail
log_level: warn
`;

function edited(text: string, address: string, wanted: WrittenBackend | null, service = 'default'): string {
  const result = editBackend(text, service, address, wanted);
  assert.ok(result.ok, JSON.stringify(result));
  return result.text;
}

function refused(text: string, address: string, wanted: WrittenBackend | null, service = 'default'): string {
  const result = editBackend(text, service, address, wanted);
  assert.ok(!result.ok, JSON.stringify(result));
  return result.why;
}

function at(host: string, port: number, weight = 1): WrittenBackend {
  return { host, port, weight };
}

/** Returns the backends of each service as the parsed configuration has them. */
function meaning(text: string): string[] {
  const { plan, errors } = parseConfig(text, '/c.yaml');
  assert.ok(plan !== null, `${JSON.stringify(errors)}\n${text}`);
  return plan.services.map(({ backends }) => backends.map(backendText).join(', '));
}

test('a weight that is there is replaced, and nothing else', () => {
  assert.equal(edited(BLOCK, '10.0.0.2:5432', at('10.0.0.2', 5432, 0)), BLOCK.replace('weight: 5 ', 'weight: 0 '));
  const braces = 'backends: [{weight: 7, host: a, port: 1}, {host: b, port: 2}]';
  assert.equal(edited(braces, 'a:1', at('a', 1)), braces.replace('7', '1'));
});

test('a backend at a Unix socket is found by its path, and written with it', () => {
  const text = 'backends:\n  - unix: /run/a.sock\n  - {host: b, port: 2}\n';
  const added = edited(text, 'unix:/run/c.sock', at('/run/c.sock', 0, 2));
  assert.equal(added, `${text}  - {unix: /run/c.sock, weight: 2}\n`);
  assert.deepEqual(meaning(added), ['unix:/run/a.sock, b:2, unix:/run/c.sock weight 2']);
  assert.equal(edited(added, 'unix:/run/c.sock', null), text);
  assert.equal(
    edited(text, 'unix:/run/a.sock', at('/run/a.sock', 0, 3)),
    text.replace('a.sock', 'a.sock\n    weight: 3'),
  );
  const odd = edited(text, 'unix:/run/a: b', at('/run/a: b', 0));
  assert.deepEqual(meaning(odd), ['unix:/run/a.sock, b:2, unix:/run/a: b']);
});

test('a weight that is not there gets a line of its own, in braces a place', () => {
  const first = edited(BLOCK, '10.0.0.1:5432', at('10.0.0.1', 5432, 3));
  assert.equal(
    first,
    BLOCK.replace('# the second', '@').replace('    port: 5432\n  @', '    port: 5432\n    weight: 3\n  # the second'),
  );
  const third = edited(BLOCK, '10.0.0.3:5432', at('10.0.0.3', 5432, 2));
  assert.equal(third, BLOCK.replace('port: 5432}', 'port: 5432, weight: 2}'));
  assert.equal(edited(BLOCK, '10.0.0.1:5432', at('10.0.0.1', 5432)), BLOCK, 'one is what is meant without');
});

test('a list as the last key of a backend is no obstacle', () => {
  const text = `backends:
  - host: 10.0.0.1
    port: 1
    source:
    - 10.0.0.8
    - 10.0.0.9 # the second
    # below
  - host: 10.0.0.2
    port: 2
    source:
      - 10.0.0.8
# the tail
`;
  const weighed = edited(text, '10.0.0.1:1', at('10.0.0.1', 1, 7));
  assert.equal(weighed, text.replace('# the second\n', '# the second\n    weight: 7\n'));
  const [, second = ''] = text.split('    # below\n');
  assert.equal(edited(text, '10.0.0.1:1', null), `backends:\n    # below\n${second}`);
  const added = edited(text, '10.0.0.3:3', at('10.0.0.3', 3));
  assert.equal(added, text.replace('# the tail', '  - host: 10.0.0.3\n    port: 3\n# the tail'));
  assert.deepEqual(meaning(added).length, 1);
});

test('one that is taken out goes with its lines, and takes no comment of others', () => {
  const first = BLOCK.replace('  - host: 10.0.0.1    # rack 1\n    port: 5432\n', '');
  assert.equal(edited(BLOCK, '10.0.0.1:5432', null), first);
  const second = BLOCK.replace('  - port: 5432\n    host: "10.0.0.2"\n    weight: 5         # a big one\n', '');
  assert.equal(edited(BLOCK, '10.0.0.2:5432', null), second);
  const third = BLOCK.replace('  - {host: 10.0.0.3, port: 5432}  # in braces\n', '');
  assert.equal(edited(BLOCK, '10.0.0.3:5432', null), third);
  assert.equal(edited(BLOCK, 'nobody:1', null), BLOCK);
  const flow = 'backends: [{host: a, port: 1}, {host: b, port: 2}]';
  assert.equal(edited(flow, 'a:1', null), 'backends: [{host: b, port: 2}]');
  assert.equal(edited(flow, 'b:2', null), 'backends: [{host: a, port: 1}]');
  const commented = 'backends: [\n  {host: a, port: 1}, # one\n  # two\n  {host: b, port: 2} # and\n]\n';
  for (const address of ['a:1', 'b:2'])
    for (const comment of ['# one', '# two', '# and'])
      assert.ok(edited(commented, address, null).includes(comment), `${comment} without ${address}`);
});

test('one that is added comes last, in the style of the one before it', () => {
  const line = '  - {host: 10.0.0.9, port: 80}\n';
  assert.equal(
    edited(BLOCK, '10.0.0.9:80', at('10.0.0.9', 80)),
    BLOCK.replace('# the tail', `${line}# the tail`).replace(`\n${line}`, `\n${line}`),
  );
  const block = 'backends:\n- host: a\n  port: 1\n';
  assert.equal(edited(block, 'b:2', at('b', 2, 3)), `${block}- host: b\n  port: 2\n  weight: 3\n`);
  assert.equal(
    edited(block.trimEnd(), 'b:2', at('b', 2)),
    `${block}- host: b\n  port: 2`,
    'without a line feed at the end',
  );
  assert.equal(edited(block, '[::1]:2', at('::1', 2)), `${block}- host: "::1"\n  port: 2\n`);
  const windows = block.replaceAll('\n', '\r\n');
  assert.equal(edited(windows, 'b:2', at('b', 2)), `${windows}- host: b\r\n  port: 2\r\n`);
  assert.equal(edited(`\ufeff${block}`, 'b:2', at('b', 2)), `\ufeff${block}- host: b\n  port: 2\n`);
  const json = JSON.stringify({ port: 1, backends: [{ host: 'a', port: 1 }] }, null, 1);
  assert.deepEqual(meaning(edited(json, 'b:2', at('b', 2, 4))), ['a:1, b:2 weight 4']);
  assert.doesNotThrow(() => void JSON.parse(edited(json, 'b:2', at('b', 2, 4))), 'what was JSON is JSON');
  assert.doesNotThrow(() => void JSON.parse(edited(json, 'a:1', at('a', 1, 4))));
});

test('of several services the right list is edited', () => {
  const text = `backends: [{host: top, port: 1}]
services:
  web: {port: 80}
  db:
    port: 81
    backends:
      - host: a
        port: 1
`;
  assert.deepEqual(meaning(edited(text, 'b:2', at('b', 2), 'db')), ['top:1', 'a:1, b:2']);
  assert.deepEqual(meaning(edited(text, 'b:2', at('b', 2), 'web')), ['top:1, b:2', 'a:1']);
  const shared = text.replace('services:\n', 'services:\n  www: {port: 82}\n');
  assert.match(refused(shared, 'b:2', at('b', 2), 'web'), /at the top level is that of 2 services/);
});

test('what cannot be edited is left alone, with why', () => {
  assert.match(refused('backends:\n  - {host: a, port: 1}\n', 'a:1', null), /the only one in its list/);
  const alias = 'services:\n  a: {port: 1, backends: &b [{host: a, port: 1}]}\n  b: {port: 2, backends: *b}\n';
  assert.match(refused(alias, 'a:1', at('a', 1, 2), 'b'), /written as an alias/);
  const items = 'services:\n  a: {port: 1, backends: [&x {host: a, port: 1}]}\n  b: {port: 2, backends: [*x]}\n';
  assert.match(refused(items, 'a:1', at('a', 1, 2), 'b'), /written as an alias/);
  assert.match(
    refused('backends:\n  -\n    host: a\n    port: 1\n  -\n    host: b\n    port: 2\n', 'a:1', null),
    /not edited here/,
  );
});

test('whatever the style, the text that comes out means what was asked for, and no other line has changed', () => {
  const style = fc.constantFrom(
    (host: string, port: number, weight: number) =>
      `  - host: ${host}  # ${port}\n    port: ${port}\n    weight: ${weight}\n`,
    (host: string, port: number) => `  # a comment\n  - port: ${port}\n    host: '${host}'\n\n`,
    (host: string, port: number, weight: number) => `  - {host: ${host}, port: ${port}, weight: ${weight}}\n`,
    (host: string, port: number) => `  - { "host" : "${host}" , "port" : ${port} }   # x\n`,
  );
  const items = fc.array(fc.tuple(style, fc.integer({ min: 1, max: 9 })), { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(
      items,
      fc.nat(4),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom('weigh', 'remove', 'add'),
      (list, n, weight, what) => {
        const text = `log_level: warn # first\nbackends:\n${list.map(([make, its], i) => make(`h${i}`, i + 1, its)).join('')}# last\nport: 9295\n`;
        const before = meaning(text)[0]?.split(', ') ?? [];
        const place = n % list.length;
        const [host, port] = what === 'add' ? ['new', 99] : [`h${place}`, place + 1];
        const out = edited(text, `${host}:${port}`, what === 'remove' ? null : at(host, port, weight));
        const its = `${host}:${port}${weight === 1 ? '' : ` weight ${weight}`}`;
        const after =
          what === 'add' ? [...before, its] : what === 'remove' ? before.toSpliced(place, 1) : before.with(place, its);
        assert.deepEqual(meaning(out)[0]?.split(', '), after, out);
        // All lines before and after one place are unchanged.
        const [old, now] = [text.split('\n'), out.split('\n')];
        const head = old.findIndex((line, i) => line !== now[i]);
        const tail = old.toReversed().findIndex((line, i) => line !== now[now.length - 1 - i]);
        const [gone, come] = head === -1 ? [0, 0] : [old.length - head - tail, now.length - head - tail];
        const most = { weigh: [1, 1], remove: [3, 0], add: [0, 3] }[what] ?? [0, 0];
        assert.ok(gone <= Number(most[0]) && come <= Number(most[1]), `${gone} → ${come}\n${text}\n→\n${out}`);
      },
    ),
  );
});
