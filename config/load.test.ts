import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { mutant } from '../lib/testing/mutant.ts';
import { ROOT } from '../lib/testing/root.ts';
import { loadConfig, parseConfig, type Loaded } from './load.ts';
import { listenersOf } from './listeners.ts';
import { plainBackend, sendProxyOf } from './plan.ts';
import { formatProblem } from './problem.ts';
import { decode } from './read.ts';
import { anyText } from '../lib/testing/any-text.ts';

const MINIMAL = 'port: 9295\nbackends:\n  - host: "127.0.0.1"\n    port: 9000\n';

function errorsOf(text: string): string[] {
  return parseConfig(text, 'config.yaml').errors.map((problem) => formatProblem(problem, 'config.yaml'));
}

test('the minimal configuration is complete', () => {
  const { plan, errors, configPath } = parseConfig(MINIMAL, 'c.yaml');
  assert.deepEqual(errors, []);
  assert.ok(isAbsolute(configPath));
  assert.equal(plan?.configPath, configPath);
  assert.equal(plan.maxConnections, 4000);
  assert.equal(plan.services.length, 1);
  const [service] = plan.services;
  assert.deepEqual([service?.name, service?.bindAddress, service?.port], ['default', '0.0.0.0', 9295]);
  assert.deepEqual(service?.backends, [plainBackend('127.0.0.1', 9000)]);
  assert.deepEqual([service.runtime.maxConnections, service.ownLimit], [4000, null]);
});

test('every problem is reported at once, in the order of the file, with a suggestion for a misspelt key', () => {
  const text =
    'port: 9295\nbackends:\n  - host: a\n    port: 1\n  - host: b\n    port: 2\n\n    prot: 3\nbackend: 5\nworkers: x\n';
  assert.deepEqual(errorsOf(text), [
    'config.yaml:8:5 backends[1].prot: unknown key; did you mean "port"?',
    'config.yaml:9:1 backend: unknown key; did you mean "backends"?',
    'config.yaml:10:1 workers: expected integer 1..256, got "x"',
  ]);
});

test("one runtime key leaves the rest of the profile alone, and every value's origin is told", () => {
  const { plan, effective } = parseConfig(`${MINIMAL}runtime:\n  tcp_backlog: 77\n`, 'c.yaml');
  assert.equal(plan?.services[0]?.runtime.backlog, 77);
  assert.equal(plan.services[0].runtime.healthIntervalMs, 500);
  const origins = new Map(effective.map(({ path, value, origin }) => [path, `${value} ${origin}`]));
  assert.equal(origins.get('runtime.tcp_backlog'), '77 file:6');
  assert.equal(origins.get('runtime.health_check_interval_ms'), '500 auto-tuned');
  assert.equal(origins.get('method'), 'round_robin default');
  assert.equal(origins.get('backends[0].port'), '9000 file:4');
});

test('with errors, the values that could be told are listed, and no profile for an unknown number of backends', () => {
  const { effective } = parseConfig(
    'prot: 1\nbackend: []\nworkers: 3\nruntime: {tcp_backlog: 5, drain_timeout_ms: x}\n',
    'c',
  );
  const paths = effective.map(({ path, value }) => `${path}=${value}`);
  assert.deepEqual(
    paths.filter((path) => !path.startsWith('log_')),
    [
      'workers=3',
      'engine=auto',
      'bind_address=0.0.0.0',
      'method=round_robin',
      'send_proxy_protocol=none',
      'health_check.type=tcp',
      'runtime.tcp_backlog=5',
    ],
  );
});

const SERVICES = `
runtime: {drain_timeout_ms: 1, tcp_backlog: 2}
backends: [{host: "[::1]", port: 1}]
method: least_connections
services:
  zebra: {port: 20}
  "10":
    port: 10
    method: round_robin
    backends: [{host: a, port: 1}, {host: b, port: 1}, {host: c, port: 1}]
    runtime: {tcp_backlog: 3, max_concurrent_connections: 70}
`;

test('a service takes from the top level what it does not have, and keeps the order of the file', () => {
  const { plan, errors } = parseConfig(SERVICES, 'c.yaml');
  assert.deepEqual(errors, []);
  const [zebra, ten, ...more] = plan?.services ?? [];
  assert.deepEqual(more, []);
  assert.deepEqual([zebra?.name, zebra?.port, zebra?.method], ['zebra', 20, 'least_connections']);
  assert.deepEqual(zebra?.backends, [plainBackend('::1', 1)]);
  assert.deepEqual([zebra.runtime.drainMs, zebra.runtime.backlog, zebra.runtime.healthIntervalMs], [1, 2, 500]);
  assert.deepEqual([ten?.name, ten?.port, ten?.method], ['10', 10, 'round_robin']);
  assert.deepEqual([ten?.runtime.drainMs, ten?.runtime.backlog, ten?.runtime.healthIntervalMs], [1, 3, 700]);
});

test("what backends are told of their clients is the service's word, unless they have one of their own", () => {
  const backends = '[{host: a, port: 1}, {host: b, port: 1, send_proxy_protocol: none}]';
  const { plan, effective } = parseConfig(
    `send_proxy_protocol: v1\nbackends: ${backends}\nservices:\n  x: {port: 1}\n  y: {port: 2, send_proxy_protocol: v2}\n`,
    'c.yaml',
  );
  assert.deepEqual(
    plan?.services.map((service) => service.backends.map((backend) => sendProxyOf(service, backend))),
    [
      ['v1', 'none'],
      ['v2', 'none'],
    ],
  );
  assert.deepEqual(
    effective.flatMap(({ path, value, origin }) => (path.endsWith('proxy_protocol') ? [[path, value, origin]] : [])),
    [
      ['services.x.send_proxy_protocol', 'v1', 'file:1'],
      ['services.x.backends[1].send_proxy_protocol', 'none', 'file:2'],
      ['services.y.send_proxy_protocol', 'v2', 'file:5'],
      ['services.y.backends[1].send_proxy_protocol', 'none', 'file:2'],
    ],
  );
  assert.deepEqual(errorsOf(`${MINIMAL}send_proxy_protocol: v3\n`), [
    'config.yaml:5:1 send_proxy_protocol: expected one of none, v1, v2, got "v3"; did you mean "v1"?',
  ]);
});

test('proxies are networks, and there is at least one', () => {
  const { plan, effective, warnings, notes } = parseConfig(
    `${MINIMAL}accept_proxy_protocol:\n  from: [10.1.2.3/8, "::/0"]\n`,
    'c.yaml',
  );
  assert.deepEqual(plan?.services[0]?.proxiesFrom, ['10.1.2.3/8', '::/0']);
  assert.deepEqual(listenersOf(plan)[0]?.proxiesFrom, ['10.1.2.3/8', '::/0']);
  assert.ok(effective.some(({ path, value }) => path === 'accept_proxy_protocol.from' && value === '10.1.2.3/8, ::/0'));
  assert.deepEqual(
    warnings.map((problem) => formatProblem(problem, 'f')),
    ['f:6:3 accept_proxy_protocol.from[0]: "10.1.2.3/8" means 10.0.0.0/8; write that, or the address alone'],
  );
  assert.match(notes.map((problem) => formatProblem(problem, 'f')).join(), /may say that they are somebody else/);
  for (const [line, error] of [
    ['accept_proxy_protocol: {}', 'accept_proxy_protocol.from: missing, expected a list of 1..256 entries'],
    ['accept_proxy_protocol: {from: []}', 'accept_proxy_protocol.from: expected a list of 1..256 entries, got 0'],
    [
      'accept_proxy_protocol: {from: [10.0.0.0/40]}',
      'accept_proxy_protocol.from[0]: expected a network, such as "10.0.0.0/8" or "fd00::/8", or an address, got "10.0.0.0/40"; "40" is no number of bits 0..32',
    ],
    ['accept_proxy_protocol: true', 'accept_proxy_protocol: expected a map of keys, got true; write "from: …"'],
  ] as const) {
    const [first = '', ...more] = errorsOf(`${MINIMAL}${line}\n`);
    assert.deepEqual([first.replace(/^config.yaml:5:\d+ /, ''), more], [error, []]);
  }
  const idle = parseConfig(`${MINIMAL}runtime: {first_bytes_timeout_ms: 10}\n`, 'c.yaml').warnings;
  assert.match(idle.map((problem) => formatProblem(problem, 'f')).join(), /first_bytes_timeout_ms: has no effect/);
});

test("the instance's limit is the top level's or that of all backends together; a service's own is below it", () => {
  const { plan } = parseConfig(SERVICES, 'c.yaml');
  assert.equal(plan?.maxConnections, 8000);
  assert.deepEqual(
    plan.services.map(({ ownLimit, runtime }) => [ownLimit, runtime.maxConnections]),
    [
      [null, 8000],
      [70, 70],
    ],
  );
  const top = parseConfig(SERVICES.replace('tcp_backlog: 2', 'max_concurrent_connections: 70'), 'c.yaml');
  assert.equal(top.plan?.maxConnections, 70);
  assert.deepEqual(
    top.plan.services.map(({ ownLimit }) => ownLimit),
    [null, null],
  );
});

test('an empty file says what is needed', () => {
  for (const text of ['', '\n', '# nothing\n', '---\n', 'null']) {
    assert.match(errorsOf(text)[0] ?? '', /^config\.yaml:1:1 the file is empty; /, JSON.stringify(text));
  }
});

test('thousands of mistakes end in a list that can be read', () => {
  const text = `backends:\n${'  - {host: "", port: 0, x: 1}\n'.repeat(1000)}`;
  const { errors } = parseConfig(text, 'c.yaml');
  assert.equal(errors.length, 101);
  assert.equal(errors.at(-1)?.message, 'and more');
});

test('loadConfig() reads a file, and tells what it is when it cannot', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bal-load-'));
  try {
    const path = join(folder, 'c.yaml');
    const missing = await loadConfig(path);
    assert.match(missing.errors[0]?.message ?? '', /^no such file/);
    await writeFile(path, `\ufeff${MINIMAL.replaceAll('\n', '\r\n')}`);
    const { plan, errors } = await loadConfig(path);
    assert.deepEqual(errors, []);
    assert.equal(plan?.services[0]?.port, 9295);
    await writeFile(path, MINIMAL, 'utf16le');
    assert.equal((await loadConfig(path)).plan, null);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Checks the invariants of any text. */
function isSane(text: string, loaded: Loaded): void {
  const lines = text.replace(/^\ufeff/, '').split('\n');
  assert.equal(loaded.plan === null, loaded.errors.length > 0);
  for (const problem of [...loaded.errors, ...loaded.warnings, ...loaded.notes]) {
    const shown = formatProblem(problem, 'f');
    assert.doesNotMatch(shown, /\p{Cc}|undefined|NaN:|\[object/u);
    if (problem.line === null) continue;
    const line = lines[problem.line - 1];
    assert.ok(line !== undefined, `line ${problem.line} of ${lines.length}`);
    assert.ok(problem.column !== null && problem.column >= 1 && problem.column <= line.length + 1, shown);
  }
  for (const { origin } of loaded.effective) {
    assert.match(origin, /^(default|auto-tuned|file:\d+)$/);
    if (origin.startsWith('file:')) assert.ok(Number(origin.slice(5)) <= lines.length);
  }
}

const KEYS =
  'port bind_address backends host runtime services mode method tcp_backlog __proto__ failover_backoff_max_ms';
const VALUES = 'web 1 9295 "::1" localhost 127.0.0.1 日本 << .nan -1 1e9 null ~ \t \r\n \ufeff \u202e';
const MARKS = ': |:\n|\n|\n  |\n    |- |[|]|{|}|, |&a |*a|!x |"|\'|>\n|? |#|---\n|%YAML 1.1\n';
const words = fc.constantFrom(...KEYS.split(' '), ...VALUES.split(' '), ...MARKS.split('|'), '|\n', ' ');

test('no text makes it throw, and every reported place is in the file', () => {
  const text = fc.oneof(
    fc.array(words, { maxLength: 40 }).map((parts) => parts.join('')),
    fc.string({ maxLength: 200 }),
    anyText({ maxLength: 100 }),
  );
  fc.assert(
    fc.property(text, (text) => isSane(text, parseConfig(text, 'f'))),
    { numRuns: 250 },
  );
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const read = decode(bytes);
      if (read.ok) isSane(read.text, parseConfig(read.text, 'f'));
      else assert.ok(read.problem.line !== null && read.problem.line >= 1);
    }),
    { numRuns: 150 },
  );
});

test('a valid file with a piece cut out, doubled or replaced never makes it throw', () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 30 }), fc.oneof(words, fc.constant(''))), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(edits, (edits) => {
      let text = `${SERVICES}log_level: info\nbind_address: 10.0.0.1\n`;
      for (const [at, length, word] of edits) {
        const start = at % text.length;
        text = text.slice(0, start) + word + text.slice(start + length);
      }
      isSane(text, parseConfig(text, 'f'));
    }),
    { numRuns: 250 },
  );
});

test('any values of the right kind either make a plan or are told', () => {
  const value = fc.oneof(
    fc.integer(),
    fc.string(),
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.array(fc.integer()),
  );
  const backend = fc.record({
    host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), value),
    port: fc.oneof(fc.integer(), value),
  });
  const service = fc.record(
    { port: value, bind_address: fc.oneof(fc.ipV4(), value), backends: fc.array(backend, { maxLength: 7 }) },
    { requiredKeys: [] },
  );
  const file = fc.record(
    {
      port: fc.oneof(fc.integer({ min: 1, max: 70_000 }), value),
      backends: fc.array(backend, { maxLength: 7 }),
      services: fc.dictionary(fc.oneof(fc.constantFrom('a', 'b', '1'), fc.string()), service, { maxKeys: 4 }),
      runtime: fc.dictionary(fc.constantFrom('tcp_backlog', 'failover_backoff_max_ms', 'x'), fc.oneof(fc.nat(), value)),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(file, (file) => {
      const text = JSON.stringify(file, null, 1);
      isSane(text, parseConfig(text, 'f'));
    }),
    { numRuns: 150 },
  );
});

test('bytes of a valid file changed, cut, doubled or broken off never make it throw', () => {
  const advanced = readFileSync(join(ROOT, 'sample', 'config.advanced.yaml'));
  fc.assert(
    fc.property(mutant(MINIMAL, SERVICES, advanced), (bytes) => {
      const read = decode(bytes);
      if (read.ok) isSane(read.text, parseConfig(read.text, 'f'));
      else assert.ok(read.problem.line !== null && read.problem.line >= 1 && read.problem.column !== null);
    }),
    { numRuns: process.env['BAL_SOAK'] === 'long' ? 5000 : 150 },
  );
});

test("a service's health_check replaces the top level's as a whole, and the origin of its type is told", () => {
  const text = `backends: [{host: a, port: 1}]
health_check:
  type: none
services:
  web: {}
  db: {port: 2, health_check: {}}
  raw: {port: 3, health_check: {type: tcp}}
`;
  const { plan, effective } = parseConfig(text, 'f');
  assert.deepEqual(
    plan?.services.map(({ healthCheck }) => healthCheck.type),
    ['none', 'tcp', 'tcp'],
  );
  assert.deepEqual(
    effective.filter(({ path }) => path.endsWith('health_check.type')).map(({ value, origin }) => [value, origin]),
    [
      ['none', 'file:3'],
      ['tcp', 'default'],
      ['tcp', 'file:7'],
    ],
  );
  const wrong = parseConfig('backends: [{host: a, port: 1}]\nhealth_check: {type: nome, interval: 3}\n', 'f');
  assert.deepEqual(
    wrong.errors.map(({ path, hint }) => [path, hint]),
    [
      ['health_check.type', 'did you mean "none"?'],
      ['health_check.interval', 'bal has health_check_interval_ms under "runtime"'],
    ],
  );
});
