import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from './load.ts';
import { ANY_MACHINE, type Machine } from './machine.ts';
import { formatProblem } from './problem.ts';

const MINIMAL = 'port: 9295\nbackends:\n  - host: "127.0.0.1"\n    port: 9000\n';

function warningsOf(text: string, machine: Partial<Machine> = {}): string[] {
  const { errors, warnings } = parseConfig(text, 'f', { ...ANY_MACHINE, ...machine });
  assert.deepEqual(errors, []);
  return warnings.map((problem) => formatProblem(problem, 'f'));
}

test('the minimal configuration has no warning, and a note about all interfaces', () => {
  const { warnings, notes } = parseConfig(MINIMAL, 'f', {
    ...ANY_MACHINE,
    descriptors: 20_000,
    firstPort: 1024,
    somaxconn: 128,
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(
    notes.map((note) => formatProblem(note, 'f')),
    ['f: bind_address: listens on all interfaces (0.0.0.0); make sure that a firewall decides who may connect'],
  );
  assert.deepEqual(parseConfig(`${MINIMAL}bind_address: "::1"\n`, 'f').notes, []);
});

test('cancel requests that may go astray are noted: several backends, and one at the port of PostgreSQL or MySQL', () => {
  const notesOf = (...ports: number[]) => {
    const list = ports.map((port, i) => `  - {host: 10.0.0.${i + 1}, port: ${port}}\n`).join('');
    const config = `bind_address: "::1"\nhealth_check: {type: none}\nbackends:\n${list}`;
    const { errors, warnings, notes } = parseConfig(config, 'f');
    assert.deepEqual([errors, warnings], [[], []]);
    return notes.map((note) => formatProblem(note, 'f'));
  };
  assert.deepEqual(notesOf(5432), []);
  assert.deepEqual(notesOf(9000, 9001), []);
  assert.deepEqual(notesOf(5432, 5432), [
    "f:4:22 backends[0]: a cancel request (Ctrl-C in psql) may go to another server than its session's, which ignores it: the query runs on; give each of these servers a service and port of its own",
  ]);
  assert.deepEqual(notesOf(9000, 3306), [
    "f:5:22 backends[1]: KILL QUERY (Ctrl-C in mysql) may go to another server than its session's, and stops the query of an innocent session there; give each of these servers a service and port of its own",
  ]);
  assert.equal(notesOf(5432, 3306).length, 2);
  const named = `services:\n  pg: {bind_address: "::1", backends: [{host: a, port: 5432}, {host: b, port: 6432}]}\n`;
  assert.equal(parseConfig(named, 'f').notes.length, 1);
});

test('tcp checks that MariaDB and MySQL answer by blocking bal are noted', () => {
  const notesOf = (check: string, ...backends: string[]) => {
    const config = `bind_address: "::1"\nhealth_check: {${check}}\nbackends: [${backends.join(', ')}]\n`;
    const { errors, warnings, notes } = parseConfig(config, 'f');
    assert.deepEqual([errors, warnings], [[], []]);
    return notes.map((note) => formatProblem(note, 'f')).filter((note) => note.includes('max_connect_errors'));
  };
  const [db, web] = ['{host: db, port: 3306}', '{host: web, port: 80}'];
  assert.deepEqual(notesOf('type: tcp', web, db, db.replace('db', 'db2')), [
    'f:3:46 backends[1]: MariaDB and MySQL count each tcp check as a failed connect: after 100 without a login (max_connect_errors) they block bal, and with it all clients; choose a health_check that logs in, or type none, or raise max_connect_errors there',
  ]);
  assert.equal(notesOf('port: 3306', web).length, 1, 'the port that is checked counts');
  for (const [check, backend] of [
    ['type: tcp, port: 9200', db],
    ['type: expect, expect: "a"', db],
    ['type: none', db],
    ['type: tcp', web],
    ['type: tcp', '{host: 127.0.0.1, port: 3306}'],
  ] as const) {
    assert.deepEqual(notesOf(check, backend), [], `${check} ${backend}`);
  }
});

test('a limit that the descriptors cannot carry: two for each connection, all in one worker at worst', () => {
  assert.deepEqual(warningsOf(MINIMAL, { descriptors: 8161 }), []);
  assert.deepEqual(warningsOf(MINIMAL, { descriptors: 8160 }), [
    'f: runtime.max_concurrent_connections: 4000 connections can need 8161 file descriptors, and the limit is 8160, enough for 3999; raise the limit (ulimit -Hn, LimitNOFILE= of systemd) or lower this value',
  ]);
  const set = `${MINIMAL}runtime:\n  max_concurrent_connections: 500\n`;
  assert.deepEqual(warningsOf(set, { descriptors: 1161 }), []);
  assert.match(warningsOf(set, { descriptors: 1160 })[0] ?? '', /^f:6:3 runtime\.max_concurrent_connections: 500 /);
});

test('a port that this user may not bind', () => {
  const text = MINIMAL.replace('9295', '80');
  assert.deepEqual(warningsOf(text, { firstPort: 80 }), []);
  assert.deepEqual(warningsOf(text, { firstPort: 1024 }), [
    'f:1:1 port: this user may not bind port 80, only 1024 and above; give bal CAP_NET_BIND_SERVICE, or choose a higher port',
  ]);
});

test('a backlog that was asked for and that the kernel cuts; the profile is not worth a warning', () => {
  assert.deepEqual(warningsOf(MINIMAL, { somaxconn: 128 }), []);
  assert.deepEqual(warningsOf(`${MINIMAL}runtime: {tcp_backlog: 129}\n`, { somaxconn: 128 }), [
    'f:5:11 runtime.tcp_backlog: the kernel caps it at 128 (net.core.somaxconn); sysctl -w net.core.somaxconn=129',
  ]);
  assert.deepEqual(warningsOf(`${MINIMAL}runtime: {tcp_backlog: 128}\n`, { somaxconn: 128 }), []);
});

test('`mode` of old files is accepted, whatever it holds', () => {
  for (const mode of ['tcp', '', '{a: [1]}']) {
    assert.deepEqual(warningsOf(`${MINIMAL}mode: ${mode}\n`), ['f:5:1 mode: has no effect any more; remove the line']);
  }
});

test('a slow start where the client decides is told to have no effect', () => {
  const of = (method: string, ms: number) =>
    warningsOf(`${MINIMAL}method: ${method}\nruntime: {slow_start_ms: ${ms}}\n`);
  assert.deepEqual(of('source_hash', 5), [
    'f:6:11 runtime.slow_start_ms: has no effect with method source_hash, which sends clients by the weights of the configuration; remove it, or choose another method',
  ]);
  assert.deepEqual([of('source_hash', 0), of('random', 5)], [[], []]);
});

test('a source that this machine has not is told, where its addresses are known', () => {
  const of = (own: string[]) => warningsOf('backends: [{host: a, port: 1, source: [127.0.0.9, 10.0.0.1]}]\n', { own });
  assert.deepEqual([of([]), of(['10.0.0.1'])], [[], []]);
  assert.deepEqual(of(['10.0.0.2']), [
    'f:1:31 backends[0].source: this machine has no address 10.0.0.1; until it has, connects from there fail: correct it, or add it to an interface',
  ]);
});

test('localhost beside an address that it stands for is one backend with twice the share', () => {
  const pair = (a: string, b: string) =>
    warningsOf(`backends:\n  - {host: "${a}", port: 1}\n  - {host: "${b}", port: 1}\n`);
  const expected =
    'f:3:6 backends[1]: 127.0.0.1:1 is most likely the same as localhost:1, and would get twice its share; remove one of them';
  assert.deepEqual(pair('localhost', '127.0.0.1'), [expected]);
  assert.equal(pair('127.0.0.1', 'LOCALHOST').length, 1);
  assert.equal(pair('::1', 'localhost').length, 1);
  assert.deepEqual(pair('127.0.0.1', '::1'), []);
  assert.deepEqual(pair('127.0.0.1', '127.0.0.2'), []);
});

test('two services on localhost and on 127.0.0.1 most likely collide', () => {
  const text =
    'backends: [{host: a, port: 1}]\nservices:\n  x: {port: 5, bind_address: localhost}\n  y: {port: 5, bind_address: 127.0.0.1}\n';
  assert.deepEqual(warningsOf(text), [
    'f:4:3 services.y: 127.0.0.1:5 is most likely taken by service "x"; give each service a port of its own',
  ]);
});

test('admin on localhost most likely collides with a service on an address that it stands for', () => {
  const text = (admin: string, own: string): string =>
    `admin: "${admin}"\nbackends: [{host: a, port: 1}]\nservices: {x: {port: 5, bind_address: "${own}"}}\n`;
  const expected = 'f:1:1 admin: localhost:5 is most likely taken by service "x"; give it a port of its own';
  assert.deepEqual(warningsOf(text('localhost:5', '127.0.0.1')), [expected]);
  assert.deepEqual(warningsOf(text('localhost:5', '::1')), [expected]);
  assert.equal(warningsOf(text('127.0.0.1:5', 'localhost')).length, 1);
  assert.deepEqual(warningsOf(text('localhost:6', '127.0.0.1')), []);
  assert.deepEqual(warningsOf(text('localhost:5', '10.0.0.1')), []);
});

test('limits of one source that those of all never let it reach, and those that the js engine counts apart', () => {
  const warningsOf = (text: string) =>
    parseConfig(`${text}\nbackends: [{host: 10.0.0.1, port: 9000}]\n`, '/config.yaml').warnings.map(
      ({ line, path, message }) => `${line} ${path}: ${message}`,
    );
  assert.deepEqual(
    warningsOf(
      'engine: native\nruntime: {max_concurrent_connections: 10, max_connections_per_source: 10, max_connection_rate: 5, max_connection_rate_per_source: 4}',
    ),
    ['2 runtime.max_connections_per_source: has no effect: max_concurrent_connections is 10'],
  );
  assert.deepEqual(warningsOf('runtime: {max_connection_rate: 5, max_connection_rate_per_source: 5}'), [
    '1 runtime.max_connection_rate_per_source: has no effect: max_connection_rate is 5',
  ]);
  assert.deepEqual(warningsOf('engine: js\nworkers: 4\nruntime: {max_connection_rate: 5}'), [
    '3 runtime.max_connection_rate: each of the 4 workers of the js engine counts for itself, so up to 4 times as many may come',
  ]);
  assert.deepEqual(warningsOf('engine: js\nworkers: 1\nruntime: {max_connection_rate: 5}'), []);
});

test('what needs an address is told where the only clients are those of a Unix socket', () => {
  const of = (text: string) => warningsOf(`backends: [{host: a, port: 1}]\n${text}\n`);
  const needy =
    'access: {allow: [10.0.0.0/8]}, accept_proxy_protocol: {from: [10.0.0.0/8]}, runtime: {max_connections_per_source: 5}';
  const flat = needy.replaceAll(', accept', '\naccept').replaceAll(', runtime', '\nruntime');
  assert.deepEqual(of(`bind_unix: /a\n${flat}`), [
    'f:3:1 access: "allow" lets nobody in to default: clients of a Unix socket have no address; use bind_unix_mode, or give the service a port',
    'f:4:25 accept_proxy_protocol.from: has no effect: clients of a Unix socket have no address; remove it, or give the service a port',
    'f:5:11 runtime.max_connections_per_source: has no effect: clients of a Unix socket have no address; remove it, or give the service a port',
  ]);
  assert.deepEqual(of(`bind_unix: /a\nport: 5\n${flat}`), [], 'those of the port have one');
  assert.deepEqual(of(`bind_unix: /a\naccess: {deny: [10.0.0.0/8]}\nruntime: {max_connection_rate: 5}`), []);
  // Top-level settings are also for the other service, so only the access list is reported.
  assert.deepEqual(of(`${flat}\nservices: {x: {port: 5}, y: {bind_unix: /y}}`), [
    'f:2:1 access: "allow" lets nobody in to y: clients of a Unix socket have no address; use bind_unix_mode, or give the service a port',
  ]);
  assert.equal(of(`services: {x: {port: 5}, y: {bind_unix: /y, ${needy}}}`).length, 3);
});
