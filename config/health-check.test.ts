import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf } from './bytes.ts';
import { planDifference } from './diff.ts';
import { statusRangeOf } from './health-check.ts';
import { parseConfig } from './load.ts';
import { formatProblem } from './problem.ts';

const BACKEND = 'backends: [{host: a, port: 1}]\n';

function load(check: string) {
  return parseConfig(`${BACKEND}health_check: ${check}\n`, 'f');
}

function checkOf(check: string) {
  const { plan, errors } = load(check);
  assert.deepEqual(errors, []);
  return plan?.services[0]?.healthCheck;
}

function errorsOf(check: string): string[] {
  const { plan, errors } = load(check);
  assert.equal(plan === null, errors.length > 0);
  return errors.map((problem) => formatProblem(problem, 'f'));
}

test('each type has what its keys say, and its defaults', () => {
  assert.deepEqual(checkOf('{}'), { type: 'tcp', port: null });
  assert.deepEqual(checkOf('{port: 8008}'), { type: 'tcp', port: 8008 });
  assert.deepEqual(checkOf('{type: none}'), { type: 'none' });
  const http = { type: 'http', port: null, path: '/', host: null, expectStatus: [{ from: 200, to: 399 }], tls: null };
  assert.deepEqual(checkOf('{type: http}'), http);
  assert.deepEqual(
    checkOf('{type: http, port: 8008, path: "/health?full=1", host: "db.internal:81", expect_status: [200, 300-302]}'),
    {
      ...http,
      port: 8008,
      path: '/health?full=1',
      host: 'db.internal:81',
      expectStatus: [
        { from: 200, to: 200 },
        { from: 300, to: 302 },
      ],
    },
  );
  assert.deepEqual(checkOf('{type: http, tls: true}'), { ...http, tls: { serverName: null, verify: true } });
  assert.deepEqual(checkOf('{type: http, tls: true, verify: false, server_name: db.internal}'), {
    ...http,
    tls: { serverName: 'db.internal', verify: false },
  });
  const expect = { type: 'expect', port: null, send: null, expect: '+PONG', match: 'begins', tls: null };
  assert.deepEqual(checkOf('{type: expect, expect: "+PONG"}'), expect);
  for (const quoted of [String.raw`"PING\r\n"`, String.raw`'PING\r\n'`]) {
    assert.deepEqual(checkOf(`{type: expect, send: ${quoted}, expect: "+PONG", match: contains}`), {
      ...expect,
      send: String.raw`PING\r\n`,
      match: 'contains',
    });
  }
  const ssl = String.raw`{type: expect, send: "\x00\x00\x00\x08\x04\xd2\x16/", expect: "N"}`;
  assert.deepEqual(checkOf(ssl), { ...expect, send: String.raw`\x00\x00\x00\x08\x04\xd2\x16/`, expect: 'N' });
});

test('a key of another type is found, and so are keys of TLS without TLS', () => {
  assert.deepEqual(errorsOf('{path: /health}'), [
    'f:2:16 health_check.path: has no meaning with type tcp; it is a key of type http: set "type", or remove it',
  ]);
  for (const [check, key] of [
    ['{type: none, port: 5}', 'port'],
    ['{type: tcp, expect: x}', 'expect'],
    ['{type: tcp, tls: false}', 'tls'],
    ['{type: http, send: x}', 'send'],
    ['{type: http, match: begins}', 'match'],
    ['{type: expect, expect: x, path: /}', 'path'],
    ['{type: expect, expect: x, expect_status: [200]}', 'expect_status'],
    ['{type: http, server_name: a}', 'server_name'],
    ['{type: http, tls: false, verify: true}', 'verify'],
  ] as const) {
    const errors = errorsOf(check);
    assert.equal(errors.length, 1, check);
    assert.match(errors[0] ?? '', new RegExp(`health_check\\.${key}: has no meaning`), check);
  }
  assert.deepEqual(errorsOf('{type: expect, send: x}'), [
    'f:2:16 health_check.expect: missing, expected the bytes of a good answer; for example: expect: "+PONG"',
  ]);
  assert.equal(errorsOf('{type: expect, expct: x}').length, 1, 'a misspelt key is not missing as well');
  assert.equal(errorsOf('{type: htpt, path: /}').length, 1, 'nor are keys strange to a misspelt type');
});

test('a contradiction at the top is told once, however many services have it', () => {
  const text = 'backends: [{host: a, port: 1}]\nhealth_check: {type: expect}\nservices: {x: {port: 1}, y: {port: 2}}\n';
  assert.equal(parseConfig(text, 'f').errors.length, 1);
});

test('values that no check could use are refused, each with its place', () => {
  for (const [check, said] of [
    ['{type: http, path: health}', /path: expected a path that begins with "\/", got "health"; for example/],
    ['{type: http, path: "/a b"}', /path: .*%20/],
    [String.raw`{type: http, path: "/a\r\nX: y"}`, /path: expected a path/],
    ['{type: http, host: "a:99999"}', /host: expected a host name, with or without a port/],
    ['{type: http, host: "[::1]:0"}', /host: expected a host name, with or without a port/],
    ['{type: http, host: "a b"}', /host: expected a host name, with or without a port/],
    [String.raw`{type: http, host: "a\r\nX: y"}`, /host: expected a host name/],
    ['{type: http, expect_status: 200}', /expect_status: expected a list of 1..16 entries, got 200; begin each/],
    [
      '{type: http, expect_status: [200, 99]}',
      /expect_status\[1\]: expected a status code 100\.\.599 or a range .*, got 99/,
    ],
    ['{type: http, expect_status: [399-200]}', /expect_status\[0\]: expected a status code/],
    ['{type: http, expect_status: [20x]}', /expect_status\[0\]: .*, got "20x"/],
    ['{type: http, expect_status: []}', /expect_status: expected a list/],
    ['{type: http, port: 0}', /port: expected integer 1..65535/],
    ['{type: http, tls: true, server_name: 10.0.0.1}', /server_name: expected a host name.*no server name that is/],
    [String.raw`{type: expect, expect: '\q'}`, /expect: expected bytes as text with escapes, got .*backslash/],
    [String.raw`{type: expect, expect: x, send: '\x4'}`, /send: expected bytes/],
    ['{type: expect, expect: ""}', /expect: expected at least one byte/],
    [`{type: expect, expect: ${'x'.repeat(1025)}}`, /expect: expected at most 1024 characters/],
    ['{type: expect, expect: "€"}', /expect: expected bytes.*each byte/],
    ['{type: expect, expect: x, match: ends}', /match: expected one of begins, contains/],
  ] as const) {
    const errors = errorsOf(check);
    assert.equal(errors.length, 1, `${check}: ${errors.join('\n')}`);
    assert.match(errors[0] ?? '', said);
    assert.match(errors[0] ?? '', /^f:2:/);
  }
});

test('status codes and ranges are what they look like', () => {
  assert.deepEqual(statusRangeOf(204), { from: 204, to: 204 });
  assert.deepEqual(statusRangeOf('100-599'), { from: 100, to: 599 });
  for (const wrong of [99, 600, 2000, 200.5, '200-', '-300', '200 - 300', '300-200', '', null, {}, [200]]) {
    assert.equal(statusRangeOf(wrong), null, JSON.stringify(wrong));
  }
});

test('check --verbose has the keys of the type, with their origins', () => {
  const of = (check: string) =>
    load(check)
      .effective.filter(({ path }) => path.startsWith('health_check'))
      .map(({ path, value, origin }) => `${path.slice(13)}=${String(value)} ${origin}`);
  assert.deepEqual(of('{}'), ['type=tcp default']);
  assert.deepEqual(of('{type: http, expect_status: [200, 401]}'), [
    'type=http file:2',
    'path=/ default',
    'expect_status=200, 401 file:2',
    'tls=false default',
  ]);
  assert.deepEqual(of(String.raw`{type: expect, send: "\e[2J", expect: "\x00", tls: true}`), [
    'type=expect file:2',
    String.raw`send=\x1b[2J file:2`,
    String.raw`expect=\x00 file:2`,
    'match=begins default',
    'tls=true file:2',
    'verify=true default',
  ]);
});

test('a reload tells each key that is another now', () => {
  const difference = (from: string, to: string) => {
    const [a, b] = [load(from).plan, load(to).plan];
    assert.ok(a !== null && b !== null);
    return planDifference(a, b).changed.map(({ what, from: old, to: now }) => `${what.slice(21)}: ${old} → ${now}`);
  };
  assert.deepEqual(difference('{type: http}', '{type: http}'), []);
  assert.deepEqual(difference('{type: http, path: /a}', '{type: http, path: /b, port: 3}'), [
    'path: /a → /b',
    'port: null → 3',
  ]);
  assert.deepEqual(difference('{type: expect, expect: a}', '{type: none}'), [
    'type: expect → none',
    'expect: a → null',
    'match: begins → null',
  ]);
});

test('every check that the pages recommend is one', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'lib', 'BEHAVIOUR.md'), 'utf8'); // from .build/config
  const inline = Array.from(page.matchAll(/`(\{type: [^`]*\})`/g), ([, check = '']) => check);
  assert.ok(inline.length >= 6, String(inline.length));
  for (const check of inline) assert.deepEqual(errorsOf(check), [], check);
  const [, block = ''] = /```yaml\n(port: 3306\n[^]*?)```/.exec(page) ?? [];
  const { plan } = parseConfig(block, 'f');
  const check = plan?.services[0]?.healthCheck;
  assert.ok(check?.type === 'expect' && check.send !== null);
  const login = bytesOf(check.send);
  assert.equal(login[0], 0x25);
  assert.equal(login.length, 4 + 0x25 + 5, 'a packet of the length that it says, and a goodbye');
});
