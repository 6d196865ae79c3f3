import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listenersOf, routedListeners } from './listeners.ts';
import { parseConfig } from './load.ts';
import { formatProblem } from './problem.ts';

/** Parses services a, b, … on one port with a backend. */
function parsed(...services: readonly string[]) {
  const lines = services.map((text, i) => `  ${'abcdef'[i]}: {${text === '' ? '' : `${text}, `}port: 443}\n`);
  return parseConfig(`backends: [{host: x, port: 1}]\nservices:\n${lines.join('')}`, 'f');
}

function errorsOf(...services: readonly string[]): string[] {
  return parsed(...services).errors.map((problem) => formatProblem(problem, 'f'));
}

test('services share a port when all but one of them say whose they are', () => {
  for (const services of [
    ['server_name: a.test', 'server_name: [b.test, "*.a.test"]'],
    ['server_name: a.test', ''],
    ['', 'server_name: a.test', 'alpn: h2'],
    ['server_name: a.test, alpn: h2', 'server_name: a.test, alpn: [http/1.1]', 'server_name: a.test'],
    ['server_name: a.test, bind_address: "::1"', 'bind_address: "[0:0::1]"'],
    ['server_name: a.test, bind_address: 10.0.0.1', 'server_name: a.test, bind_address: 10.0.0.2'],
    ['server_name: a.test, bind_unix: /x', 'bind_unix: /x'],
    ['server_name: a_b.test', 'server_name: xn--bcher-kva.test'],
  ]) {
    assert.deepEqual(errorsOf(...services), [], services.join(' | '));
  }
  const { plan, effective } = parsed('server_name: ["A.test", "*.B.test"], alpn: h2', 'server_name: c.test', '');
  assert.ok(plan !== null);
  const [listener, ...more] = listenersOf(plan);
  assert.deepEqual(more, []);
  assert.deepEqual(listener?.routes, [
    { service: 'a', names: ['a.test', '*.b.test'], protocols: ['h2'] },
    { service: 'b', names: ['c.test'], protocols: [] },
    { service: 'c', names: [], protocols: [] },
  ]);
  assert.deepEqual([listener.address, listener.services], ['0.0.0.0:443', ['a', 'b', 'c']]);
  assert.deepEqual(
    routedListeners(plan).map(({ address }) => address),
    ['0.0.0.0:443'],
  );
  assert.deepEqual(
    effective.flatMap(({ path, value, origin }) =>
      /server_name|alpn/.test(path) ? [`${path} ${value} ${origin}`] : [],
    ),
    [
      'services.a.server_name a.test, *.b.test file:3',
      'services.a.alpn h2 file:3',
      'services.b.server_name c.test file:4',
    ],
  );
  const plain = parseConfig('backends: [{host: x, port: 1}]\n', 'f').plan;
  assert.deepEqual(plain === null ? null : [listenersOf(plain)[0]?.routes, routedListeners(plain)], [[], []]);
});

test('two that would want the same client are told, with both lines', () => {
  const hint = 'leave it to one of them';
  assert.deepEqual(errorsOf('server_name: [x.test, "*.test"]', 'server_name: "*.TEST"'), [
    `f:4:7 services.b.server_name: "*.test" is service "a"'s, on the same port (line 3); ${hint}`,
  ]);
  assert.deepEqual(errorsOf('server_name: x.test, alpn: [h2, h3]', 'server_name: x.test, alpn: h2'), [
    `f:4:7 services.b.server_name: "x.test" with h2 is service "a"'s, on the same port (line 3); ${hint}`,
  ]);
  assert.deepEqual(errorsOf('alpn: h2', 'alpn: [http/1.1, h2]'), [
    `f:4:7 services.b.alpn: protocol "h2" is service "a"'s, on the same port (line 3); ${hint}`,
  ]);
  const taken =
    '0.0.0.0:443 is taken by service "b"; give each service a port of its own, or all but one a "server_name"';
  assert.deepEqual(errorsOf('server_name: x.test', '', ''), [`f:5:7 services.c.port: ${taken}`]);
  assert.deepEqual(errorsOf('server_name: x.test', 'bind_address: 127.0.0.1'), [
    'f:4:32 services.b.port: 127.0.0.1:443 is taken by service "a", which listens on 0.0.0.0:443; to share a port by "server_name" they need the same "bind_address"',
  ]);
});

test('what counts before it is known whose client it is must be the same for all', () => {
  const from = 'accept_proxy_protocol: {from: [10.0.0.1, ::1]}';
  assert.deepEqual(errorsOf(`server_name: x.test, ${from}`, 'accept_proxy_protocol: {from: ["::1", 10.0.0.1]}'), []);
  assert.match(
    errorsOf(`server_name: x.test, ${from}`, '').join(),
    /^f:4:7 services\.b\.port: "accept_proxy_protocol" is not that of service "a", which shares 0\.0\.0\.0:443; /,
  );
  assert.match(
    errorsOf('server_name: x.test, bind_unix: /x', 'bind_unix: /x, bind_unix_mode: "0600"').join(),
    /service "a" has 0\d+ for the same socket/,
  );
  const { warnings } = parsed(
    'server_name: x.test, runtime: {first_bytes_timeout_ms: 100}',
    'runtime: {first_bytes_timeout_ms: 900}',
  );
  assert.deepEqual(
    warnings.map(({ path, message }) => `${path} ${message}`),
    ['services.a.runtime.first_bytes_timeout_ms has no effect: service "b" shares the port, and its 900 counts'],
  );
});

test('a name that no client can ask for is refused, with what to write instead', () => {
  for (const [value, hint] of [
    ['10.0.0.1', /clients that connect to an address ask for no name/],
    ['"[::1]"', /clients that connect to an address ask for no name/],
    ['"*"', /a service without "server_name" gets whoever asks/],
    ['"www.*.test"', /"\*\." may only stand before all the rest/],
    ['"*www.test"', /"\*\." may only stand before all the rest/],
    ['"*.*.test"', /"\*\." may only stand before all the rest/],
    ['www.test.', /leave out the final dot/],
    ['a..test', /"a\.\.test" is none/],
    ['"*."', /"\*\." is none/],
    ['-a.test', /is none/],
    ['bücher.test', /write it in ASCII: "xn--bcher-kva.test"/],
    ['https://a.test', /leave out the scheme/],
    ['a.test:443', /the port has its own key/],
    ['[a.test, 7]', /each must be a text/],
    ['[a.test, A.test]', /each once/],
    ['[]', /expected a server name/],
    ['{}', /expected a server name/],
    [`[${Array.from({ length: 1001 }, (_, i) => `a${i}.test`).join()}]`, /list of up to 1000/],
  ] as const) {
    const [error = '', ...more] = errorsOf(`server_name: ${value}`);
    assert.match(error, /^f:3:\d+ services\.a\.server_name: expected a server name/, value);
    assert.match(error, hint, value);
    assert.deepEqual(more, [], value);
  }
  for (const [value, hint] of [
    ['"h2,http/1.1"', /write a list/],
    ['"h 2"', /is none/],
    ['[h2, h2]', /each once/],
    ['é', /is none/],
  ] as const) {
    assert.match(errorsOf(`alpn: ${value}`).join('|'), hint, value);
  }
});

test('a backend that is a port which services share may be any of them', () => {
  const text = (to: number): string => `services:
  a: {port: 443, server_name: a.test, backends: [{host: x, port: 1}]}
  b: {port: 443, backends: [{host: 127.0.0.1, port: ${to}}]}
  c: {port: 444, backends: [{host: 127.0.0.1, port: 443}]}
`;
  assert.deepEqual(parseConfig(text(2), 'f').errors, []);
  assert.match(parseConfig(text(444), 'f').errors[0]?.message ?? '', /^a loop: "b" -> "c" .* -> "b" /);
});
