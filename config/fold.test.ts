import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldErrors } from './fold.ts';
import { parseConfig } from './load.ts';
import { formatProblem } from './problem.ts';
import { readYaml } from './yaml.ts';

const BACKENDS = 'backends: [{host: a, port: 1}]\n';

function errorsOf(text: string): string[] {
  return parseConfig(text, 'f').errors.map((problem) => formatProblem(problem, 'f'));
}

/** Returns what is said about one line after a valid list of backends, without the position. */
function about(line: string): string {
  const [error = '', ...more] = errorsOf(BACKENDS + line);
  assert.deepEqual(more, [], line);
  return error.replace(/^f:2:\d+ /, '');
}

test('a wrong value: what was expected, and what was found', () => {
  for (const [line, expected] of [
    ['port: abc', 'port: expected integer 1..65535, got "abc"'],
    ['port: 0', 'port: expected integer 1..65535, got 0'],
    ['port: 65536', 'port: expected integer 1..65535, got 65536'],
    ['port: 1.5', 'port: expected integer 1..65535, got 1.5'],
    ['port: .inf', 'port: expected integer 1..65535, got Infinity'],
    ['port:', 'port: expected integer 1..65535, got nothing'],
    ['port: [1]', 'port: expected integer 1..65535, got a list'],
    ['port: {a: 1}', 'port: expected integer 1..65535, got a map of keys'],
    ['port: true', 'port: expected integer 1..65535, got true'],
    ['port: "80"', 'port: expected integer 1..65535, got "80"; write the number without quotes and separators'],
    ['port: 8_080', 'port: expected integer 1..65535, got "8_080"; write the number without quotes and separators'],
    [
      'method: least_conn',
      'method: expected one of round_robin, least_connections, random, source_hash, got "least_conn"; did you mean "least_connections"?',
    ],
    ['log_level: INFO', 'log_level: expected one of debug, info, warn, error, got "INFO"; did you mean "info"?'],
    ['log_level: yes', 'log_level: expected one of debug, info, warn, error, got "yes"'],
    ['workers: 257', 'workers: expected integer 1..256, got 257'],
    ['bind_address: 10.0', 'bind_address: expected an IPv4 or IPv6 address or a host name, got 10; put it in quotes'],
    [
      'bind_address: [::1]',
      'bind_address: expected an IPv4 or IPv6 address or a host name, got a list; an IPv6 address needs quotes, not brackets: "::1"',
    ],
    ['runtime:', 'runtime: expected a map of keys, got nothing; remove the line, or put indented keys below it'],
    ['services: {}', 'services: expected a map of 1..64 entries, got 0'],
    [
      'services: {"a b": {}}',
      `services["a b"]: expected a name of at most 63 letters, digits, '-' and '_' that begins with a letter or digit`,
    ],
    ['runtime: {overload_policy: drop}', 'runtime.overload_policy: expected one of reject, queue, got "drop"'],
  ] as const) {
    assert.equal(about(line), expected);
  }
});

test('an unknown key: did you mean, here or somewhere else', () => {
  for (const [line, expected] of [
    ['bind: x', 'bind: unknown key; bal has "port:" and "bind_address:"'],
    [
      'algorithm: x',
      'algorithm: unknown key; bal has "method:", one of round_robin, least_connections, random, source_hash',
    ],
    ['max_concurrent_connections: 5', 'max_concurrent_connections: unknown key; it belongs under "runtime"'],
    ['max_connections: 5', 'max_connections: unknown key; it belongs in an entry of "backends"'],
    ['max_concurrent: 5', 'max_concurrent: unknown key; did you mean "max_concurrent_connections" under "runtime"?'],
    ['server_name: a.test', 'server_name: unknown key; it belongs in an entry of "services"'],
    ['host: a', 'host: unknown key; it belongs in an entry of "backends"'],
    ['runtime: {log_level: info}', 'runtime.log_level: unknown key; it belongs at the top level'],
    ['services: {x: {log_level: info}}', 'services.x.log_level: unknown key; it belongs at the top level'],
    ['services: {x: {tcp_backlog: 1}}', 'services.x.tcp_backlog: unknown key; it belongs under "runtime"'],
    [
      'services: {x: {runtime: {port: 1}}}',
      'services.x.runtime.port: unknown key; it belongs in an entry of "services"',
    ],
    ['"<<": {}', '["<<"]: unknown key; merge keys are not part of YAML 1.2; what services share goes to the top level'],
    ['__proto__: {}', '__proto__: unknown key'],
    ['toString: 1', 'toString: unknown key'],
  ] as const) {
    assert.equal(about(line), expected);
  }
});

test('a misspelt key is one problem: what it was meant for is not also missing', () => {
  assert.deepEqual(errorsOf('backend:\n  - {host: a, port: 1}\n'), [
    'f:1:1 backend: unknown key; did you mean "backends"?',
  ]);
  assert.deepEqual(errorsOf('backends:\n  - hots: a\n    prot: 1\n'), [
    'f:2:5 backends[0].hots: unknown key; did you mean "host"?',
    'f:3:5 backends[0].prot: unknown key; did you mean "port"?',
  ]);
});

test('what is missing is named at the entry that lacks it', () => {
  assert.deepEqual(errorsOf('backends:\n  - {}\n  - host: a\n'), [
    'f:2:5 backends[0].host: missing, expected an IPv4 or IPv6 address or a host name',
    'f:2:5 backends[0].port: missing, expected integer 1..65535',
    'f:3:5 backends[1].port: missing, expected integer 1..65535',
  ]);
});

test('entries and whole blocks of the wrong kind', () => {
  assert.deepEqual(errorsOf('backends:\n  - "127.0.0.1"\n'), [
    'f:2:5 backends[0]: expected a map of keys, got "127.0.0.1"; write "HOST:PORT", or "host: …" and "port: …"',
  ]);
  assert.deepEqual(errorsOf('backends: a:1\n'), [
    'f:1:1 backends: expected a list of 1..1024 entries, got "a:1"; begin each entry with "- "',
  ]);
  assert.deepEqual(errorsOf('backends:\n  host: a\n  port: 1\n'), [
    'f:1:1 backends: expected a list of 1..1024 entries, got a map of keys; begin each entry with "- "',
  ]);
  assert.deepEqual(errorsOf('port:80\n'), ['f:1:1 expected a map of keys, got "port:80"; a space belongs behind ":"']);
  assert.deepEqual(errorsOf('- a\n'), ['f:1:1 expected a map of keys, got a list']);
});

test('the members of a union become one problem', () => {
  const source = readYaml('port: x\n');
  const error = { instancePath: '/port', params: {} };
  const { problems } = foldErrors(
    [
      { ...error, keyword: 'const', schemaPath: '#/properties/port/anyOf/0' },
      { ...error, keyword: 'type', schemaPath: '#/properties/port/anyOf/1' },
      { ...error, keyword: 'anyOf', schemaPath: '#/properties/port' },
    ],
    source,
  );
  assert.equal(problems.length, 1);
});

test('what is printed cannot steer a terminal', () => {
  const [value = '', key = ''] = errorsOf('engine: "\\e[2J\\u202e"\n"\\e]0;x\\a": 1\nbackends: [{host: a, port: 1}]\n');
  assert.match(value, /got "\\u001b\[2J\\u202e"$/);
  assert.match(key, /^f:2:1 \["\\u001b\]0;x\\u0007"\]: unknown key/);
});
