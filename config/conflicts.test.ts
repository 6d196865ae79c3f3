import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from './load.ts';
import { ANY_MACHINE } from './machine.ts';
import { whereOf } from './plan.ts';
import { formatProblem } from './problem.ts';

function errorsOf(text: string): string[] {
  return parseConfig(text, 'f', ANY_MACHINE).errors.map((problem) => formatProblem(problem, 'f'));
}

test('where no service has a sound name, only the names are wrong', () => {
  const own = '{port: 9295, backends: [{host: 10.0.0.1, port: 80}]}';
  const errors = errorsOf(`services: {"a b": ${own}, "c d": ${own}}\n`);
  assert.equal(errors.length, 2, errors.join('\n'));
  for (const error of errors) assert.match(error, /expected a name/);
});

test('the same backend twice in a service is an error, in two services it is not', () => {
  assert.deepEqual(errorsOf('backends:\n  - {host: A, port: 1}\n  - {host: a., port: 1}\n  - {host: a, port: 2}\n'), [
    'f:3:6 backends[1]: duplicate backend a:1; it is already on line 2',
  ]);
  assert.deepEqual(errorsOf('backends: [{host: a, port: 1}]\nservices: {x: {port: 1}, y: {port: 2}}\n'), []);
});

test('somebody must be there to serve: not all may have weight 0, and not all be backups', () => {
  const list = (...more: string[]): string =>
    `backends:\n${more.map((its, i) => `  - {host: a, port: ${i + 1}, ${its}}\n`).join('')}`;
  assert.deepEqual(errorsOf(list('weight: 0', 'weight: 0')), [
    'f:2:6 backends: every backend has weight 0; give at least one a weight from 1 on',
  ]);
  assert.deepEqual(errorsOf(list('backup: true')), [
    'f:2:6 backends: every backend is a backup; take "backup" away from those to use first',
  ]);
  assert.deepEqual(errorsOf(list('weight: 0', 'weight: 256')), []);
  assert.deepEqual(errorsOf(list('backup: true', 'weight: 0')), []);
  for (const wrong of ['weight: 257', 'weight: -1', 'weight: 1.5', 'weight: heavy', 'backup: maybe'])
    assert.equal(errorsOf(list(wrong, 'weight: 1')).length, 1, wrong);
  assert.deepEqual(errorsOf(list('backup: yes', 'weight: 1')), [
    'f:2:24 backends[0].backup: expected true or false, got "yes"',
  ]);
});

test('sources are addresses of the family of the backend, each once', () => {
  const of = (host: string, source: string) => errorsOf(`backends: [{host: "${host}", port: 1, source: ${source}}]\n`);
  for (const source of ['127.0.0.2', '[10.0.0.1, 10.0.0.2]', '["10.0.0.1"]'])
    assert.deepEqual(of('127.0.0.1', source), []);
  assert.deepEqual(of('db.internal', '[10.0.0.1, "fd00::1"]'), [], 'a name may have both');
  assert.deepEqual(of('10.0.0.7', '"fd00::1"'), [
    'f:1:40 backends[0].source: fd00::1 is an IPv6 address, and 10.0.0.7 an IPv4 one; both must be of one family; leave "source" out to let the system choose',
  ]);
  assert.match(of('::1', '["::2", 10.0.0.1]')[0] ?? '', /10\.0\.0\.1 is an IPv4 address, and ::1 an IPv6 one/);
  for (const wrong of ['eth0', '0.0.0.0', '224.0.0.1', '[]', '[10.0.0.1, 7]', '{}', '7', '"10.0.0.1:80"']) {
    assert.match(of('a', wrong).join(), /^f:1:\d+ backends\[0\]\.source: expected an IPv4 or IPv6 address of/, wrong);
  }
  assert.match(of('a', '[10.0.0.1, eth0]').join(), /got a list; "eth0" is none$/);
  assert.match(of('a', '["fd00::1", "FD00:0::1"]').join(), /each once, got/);
  assert.match(of('a', `[${Array.from({ length: 65 }, (_, i) => `10.0.0.${i}`).join()}]`).join(), /up to 64/);
});

test('a service listens at a port, at a Unix socket, or at both where both are written together', () => {
  const tail = 'backends: [{host: a, port: 1}]\n';
  const whereIs = (text: string) => {
    const { plan, errors } = parseConfig(text, 'f');
    assert.deepEqual(errors, []);
    return plan?.services.map(whereOf);
  };
  assert.deepEqual(whereIs(`bind_unix: /run/a\n${tail}`), ['unix:/run/a']);
  assert.deepEqual(whereIs(`bind_unix: /run/a\nport: 80\n${tail}`), ['0.0.0.0:80 and unix:/run/a']);
  assert.deepEqual(whereIs(`bind_unix: /run/a\nbind_address: "::1"\n${tail}`), ['[::1]:9295 and unix:/run/a']);
  const services = 'services: {x: {bind_unix: /x}, y: {bind_unix: /y, port: 81}, z: {}}\n';
  assert.deepEqual(whereIs(`port: 80\n${tail}${services}`), ['unix:/x', '0.0.0.0:81 and unix:/y', '0.0.0.0:80']);
  assert.deepEqual(errorsOf(`${tail}services: {x: {bind_unix: /x}, y: {bind_unix: /x, port: 81}}\n`), [
    'f:2:36 services.y.bind_unix: /x is taken by service "x"; give each service a path of its own, or all but one a "server_name"',
  ]);
  for (const path of ['/run//a', '/run/./a', '/x/../run/a'])
    assert.match(errorsOf(`bind_unix: ${path}\n${tail}`).join(), /write it as "\/run\/a"/);
  assert.deepEqual(errorsOf(`bind_unix_mode: "0600"\n${tail}`), [
    'f:1:1 bind_unix_mode: there is no Unix socket that it could be of; add "bind_unix", or remove it',
  ]);
  for (const mode of ['"660"', '"0777"'])
    assert.deepEqual(errorsOf(`bind_unix: /a\nbind_unix_mode: ${mode}\n${tail}`), []);
  for (const mode of ['0660', '"0o660"', '"1777"', '"rw"', '"0680"']) {
    assert.match(
      errorsOf(`bind_unix: /a\nbind_unix_mode: ${mode}\n${tail}`).join(),
      /expected the mode of a file, three octal/,
    );
  }
  assert.match(
    errorsOf(
      'services: {x: {bind_unix: /x, backends: [{unix: /y}]}, y: {bind_unix: /y, backends: [{unix: /x}]}}\n',
    ).join(),
    /a loop: "x" -> "y" \(unix:\/y\) -> "x" \(unix:\/x\)/,
  );
  assert.deepEqual(
    errorsOf('services: {x: {bind_unix: /x, backends: [{unix: /y}]}, y: {bind_unix: /y, backends: [{unix: /z}]}}\n'),
    [],
  );
});

test('a backend has a host and a port, or the path of a Unix socket', () => {
  const of = (entry: string, more = '') => errorsOf(`backends: [{${entry}}]\n${more}`);
  assert.deepEqual([of('unix: /run/app.sock, weight: 2'), of('unix: "/run/a b:1.sock"')], [[], []]);
  assert.deepEqual(of('weight: 1'), [
    'f:1:12 backends[0].host: missing, expected an IPv4 or IPv6 address or a host name',
    'f:1:12 backends[0].port: missing, expected integer 1..65535',
  ]);
  assert.deepEqual(of('unix: /run/app.sock, host: a, port: 1, source: 127.0.0.1'), [
    'f:1:34 backends[0].host: a Unix socket has none; remove it, or "unix"',
    'f:1:43 backends[0].port: a Unix socket has none; remove it, or "unix"',
    'f:1:52 backends[0].source: a Unix socket has none; remove it, or "unix"',
  ]);
  for (const [path, hint] of [
    ['run/app.sock', ''],
    ['~/app.sock', '; ~ is not expanded: write the whole path'],
    ['unix:/run/app.sock', '; leave out "unix:"'],
    ['/run/', ''],
    [`/${'x'.repeat(107)}`, ''],
    [`/${'é'.repeat(54)}`, ''],
  ] as const) {
    assert.deepEqual(of(`unix: "${path}"`), [
      `f:1:13 backends[0].unix: expected an absolute path of at most 107 bytes, got "${path.length > 60 ? `${path.slice(0, 57)}…` : path}"${hint}`,
    ]);
  }
  assert.equal(of('unix: "/run/\\n"').length, 1);
  assert.match(
    errorsOf('backends: [{unix: /a}, {unix: /b}, {unix: /a}]\n')[0] ?? '',
    /duplicate backend unix:\/a; it is already/,
  );
  assert.deepEqual(errorsOf('backends: [{unix: /a}, {unix: /A}]\n'), []);
  assert.deepEqual(of('unix: /a', 'health_check: {port: 80}\n'), [
    'f:2:16 health_check.port: /a is a Unix socket, which has no port to check; remove it, or give such backends a service of their own',
  ]);
});

test('a first back-off above the maximum is a contradiction, also with a value that nobody wrote', () => {
  const head = 'backends: [{host: a, port: 1}]\nruntime:\n';
  assert.deepEqual(errorsOf(`${head}  failover_backoff_initial_ms: 300\n  failover_backoff_max_ms: 200\n`), [
    'f:3:3 runtime.failover_backoff_initial_ms: 300 is above failover_backoff_max_ms, which is 200 (line 4); change one of them',
  ]);
  assert.deepEqual(errorsOf(`${head}  failover_backoff_max_ms: 100\n`), [
    'f:3:3 runtime.failover_backoff_max_ms: 100 is below failover_backoff_initial_ms, which is 200 (auto-tuned); set failover_backoff_initial_ms as well',
  ]);
  assert.deepEqual(errorsOf(`${head}  failover_backoff_initial_ms: 300\n  failover_backoff_max_ms: 300\n`), []);
});

test('a mistake in a value that all services share is reported once', () => {
  const text =
    'runtime: {failover_backoff_max_ms: 100}\nbackends: [{host: a, port: 1}]\nservices: {x: {port: 1}, y: {port: 2}}\n';
  assert.equal(errorsOf(text).length, 1);
});

test('a check may take longer than the interval: the next one waits for it', () => {
  const text =
    'backends: [{host: a, port: 1}]\nruntime: {health_check_interval_ms: 100, health_check_timeout_ms: 1000}\n';
  assert.deepEqual(errorsOf(text), []);
});

test("a service's limit may not be above the instance's", () => {
  const text = 'backends: [{host: a, port: 1}]\nservices:\n  x:\n    runtime: {max_concurrent_connections: 4001}\n';
  assert.deepEqual(errorsOf(text), [
    'f:4:15 services.x.runtime.max_concurrent_connections: 4001 is above the limit of the whole instance, 4000 (auto-tuned); raise "runtime.max_concurrent_connections" at the top level',
  ]);
  assert.deepEqual(errorsOf(`${text}runtime: {max_concurrent_connections: 5000}\n`), []);
});

test('two services may not share an address and port', () => {
  const two = (a: string, b: string) =>
    errorsOf(`backends: [{host: x, port: 1}]\nservices:\n  a: {port: 5, ${a}}\n  b: {port: 5, ${b}}\n`);
  assert.deepEqual(two('bind_address: 10.0.0.1', 'bind_address: 10.0.0.1'), [
    'f:4:7 services.b.port: 10.0.0.1:5 is taken by service "a"; give each service a port of its own, or all but one a "server_name"',
  ]);
  assert.deepEqual(two('', 'bind_address: 10.0.0.1'), [
    'f:4:7 services.b.port: 10.0.0.1:5 is taken by service "a", which listens on 0.0.0.0:5; give each service a port of its own, or all but one a "server_name"',
  ]);
  assert.equal(two('bind_address: "::"', 'bind_address: 10.0.0.1').length, 1);
  assert.equal(two('bind_address: "::1"', 'bind_address: "[0:0::1]"').length, 1);
  assert.deepEqual(two('bind_address: 127.0.0.1', 'bind_address: 127.0.0.2'), []);
  assert.deepEqual(two('', 'bind_address: "::1"'), []);
});

test('services that leave the port to the top level collide, and the place is the service', () => {
  assert.deepEqual(errorsOf('backends: [{host: x, port: 1}]\nservices:\n  a: {}\n  b: {}\n'), [
    'f:4:3 services.b: 0.0.0.0:9295 is taken by service "a"; give each service a port of its own, or all but one a "server_name"',
  ]);
});

test('every service needs backends', () => {
  assert.deepEqual(errorsOf('services:\n  a: {port: 1}\n  b: {port: 2, backends: [{host: x, port: 1}]}\n'), [
    'f:2:3 services.a.backends: missing, expected a list of backends; give "a" its own, or put them at the top level for all 2 services',
  ]);
  assert.match(errorsOf('port: 1\n')[0] ?? '', /^f:1:1 backends: missing, /);
});

test('1024 backends in all services together are allowed, more are not', () => {
  const list = (n: number) => `[${Array.from({ length: n }, (_, i) => `{host: h${i}, port: 1}`).join()}]`;
  const text = (n: number) =>
    `services:\n  a: {port: 1, backends: ${list(512)}}\n  b: {port: 2, backends: ${list(n)}}\n`;
  assert.deepEqual(errorsOf(text(512)), []);
  assert.deepEqual(errorsOf(text(513)), [
    'f:2:3 services: expected at most 1024 backends in all services together, got 1025',
  ]);
  assert.match(errorsOf(`backends: ${list(1025)}\n`)[0] ?? '', /expected a list of 1\.\.1024 entries, got 1025/);
});

test('a value that is wrong by itself is not also reported for what it would mean', () => {
  assert.deepEqual(errorsOf('prot: 80\nbackends: [{host: localhost, port: 9295}]\n'), [
    'f:1:1 prot: unknown key; did you mean "port"?',
  ]);
  assert.equal(errorsOf('port: 0\nbackends: [{host: localhost, port: 9295}]\n').length, 1);
  assert.equal(
    errorsOf('runtime: {failover_backoff_initial_ms: x, failover_backoff_max_ms: 1}\nbackends: [{host: a, port: 1}]')
      .length,
    1,
  );
});
