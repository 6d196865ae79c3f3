import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backendText } from './diff.ts';
import { parseConfig } from './load.ts';
import { ANY_MACHINE } from './machine.ts';
import { judgeNameServer, nameServer } from './name-servers.ts';
import { formatProblem } from './problem.ts';

function errorsOf(text: string): string[] {
  return parseConfig(text, 'f', ANY_MACHINE).errors.map((problem) => formatProblem(problem, 'f'));
}

const backend = (its: string): string[] => errorsOf(`backends: [{${its}}]\n`);

test('discover is for names, and SRV records say port and weight', () => {
  assert.deepEqual(backend('host: web.internal, port: 80, discover: all, weight: 3, max_connections: 5'), []);
  assert.deepEqual(backend('host: _x._tcp.web.internal, discover: srv, backup: false'), []);
  assert.deepEqual(backend('host: web.internal, discover: all'), [
    'f:1:12 backends[0].port: missing, expected integer 1..65535',
  ]);
  assert.deepEqual(backend('host: 10.0.0.1, port: 80, discover: all'), [
    'f:1:39 backends[0].discover: 10.0.0.1 is an address, and "all" needs a name; write a name as "host", or remove it',
  ]);
  assert.deepEqual(backend('host: _x.test, port: 80, discover: srv, weight: 2'), [
    'f:1:28 backends[0].port: SRV records say the port; remove it, or "discover"',
    'f:1:53 backends[0].weight: SRV records say the weight; remove it, or "discover"',
  ]);
  assert.deepEqual(backend('unix: /run/x, discover: all'), [
    'f:1:27 backends[0].discover: a Unix socket has none; remove it, or "unix"',
  ]);
  assert.match(
    backend('host: a, port: 1, discover: any').join(),
    /discover: .*"address", "all", "srv"|address, all, srv/,
  );
});

test('a name is one entry for each port, with discover as without', () => {
  const two = (a: string, b: string): string[] => errorsOf(`backends:\n  - {${a}}\n  - {${b}}\n`);
  const srv = 'host: _x.test, discover: srv';
  assert.match(two(srv, srv).join(), /duplicate backend _x\.test; it is already on line 2/);
  assert.match(two('host: a, port: 1, discover: all', 'host: a, port: 1').join(), /duplicate backend a:1/);
  assert.deepEqual(two('host: a, port: 1, discover: all', 'host: a, port: 2, discover: all'), []);
});

test('a reload tells what is discovered', () => {
  const { plan } = parseConfig('backends: [{host: a, port: 1, discover: all}, {host: _x.a, discover: srv}]', 'f');
  assert.deepEqual(plan?.services[0]?.backends.map(backendText), ['a:1 discover all', '_x.a discover srv']);
});

test('name servers are addresses, with or without a port', () => {
  for (const good of ['10.0.0.2', '127.0.0.1:5353', '::1', '[2001:db8::53]:53', '[2001:db8::53]'])
    assert.equal(judgeNameServer(good), null, good);
  for (const bad of [
    'ns.internal',
    '',
    '0.0.0.0',
    '::',
    '10.0.0.2:0',
    '10.0.0.2:65536',
    '10.0.0.2:',
    '224.0.0.1',
    '10.0.0',
  ])
    assert.notEqual(judgeNameServer(bad), null, bad);
  assert.deepEqual(['10.0.0.2', '::1', '[2001:DB8::53]:5353'].map(nameServer), [
    '10.0.0.2:53',
    '[::1]:53',
    '[2001:db8::53]:5353',
  ]);
  const rest = 'backends: [{host: a, port: 1}]\n';
  assert.deepEqual(errorsOf(`dns_servers: ["10.0.0.2", "127.0.0.1:5353"]\n${rest}`), []);
  assert.match(
    errorsOf(`dns_servers: [ns.internal]\n${rest}`).join(),
    /dns_servers\[0\]: expected the address of a name/,
  );
  assert.equal(errorsOf(`dns_servers: []\n${rest}`).length, 1);
  assert.equal(errorsOf(`dns_servers: [${Array(9).fill('10.0.0.2').join()}]\n${rest}`).length, 1);
});
