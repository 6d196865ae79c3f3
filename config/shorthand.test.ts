import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationMs } from './duration.ts';
import { editBackend } from './edit.ts';
import { parseConfig } from './load.ts';
import { formatProblem } from './problem.ts';

function errorsOf(text: string): string[] {
  return parseConfig(text, 'f').errors.map((problem) => formatProblem(problem, 'f'));
}

test('durationMs() reads a number with a unit, and nothing else', () => {
  for (const [text, ms] of [
    ['500ms', 500],
    ['30s', 30_000],
    ['0.3s', 300],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
  ] as const) {
    assert.equal(durationMs(text), ms, text);
  }
  for (const text of ['', '30', '30 s', '30S', '-1s', '0.5ms', '1e3s', '30s ', 's', '5w']) {
    assert.equal(durationMs(text), null, text);
  }
});

test('each key of milliseconds takes a time with a unit, in services, too', () => {
  const { plan, errors } = parseConfig(
    `runtime: {drain_timeout_ms: 2m, health_check_timeout_ms: "300ms"}
backends: [{host: a, port: 1}]
services: {web: {runtime: {connection_idle_timeout_ms: 1.5h}}}
`,
    'f',
  );
  assert.deepEqual(errors, []);
  const { drainMs, healthTimeoutMs, idleMs } = plan?.services[0]?.runtime ?? {};
  assert.deepEqual([drainMs, healthTimeoutMs, idleMs], [120_000, 300, 5_400_000]);
});

test('a time that is none, or out of bounds, is an error that says what is taken', () => {
  const about = (value: string) => errorsOf(`runtime: {drain_timeout_ms: ${value}}\nbackends: ["a:1"]\n`);
  const expected = 'f:1:11 runtime.drain_timeout_ms: expected integer 0..86400000, or a time such as 30s, 5m or 500ms';
  assert.deepEqual(about('5x'), [`${expected}, got "5x"`]);
  assert.deepEqual(about('2d'), [`${expected}, got 172800000`]);
});

test('a backend may be one text, and its line is told', () => {
  const text = 'backends:\n  - 10.0.0.1:80\n  - "[::1]:81"\n  - unix:/run/a.sock\n';
  const { plan, effective } = parseConfig(text, 'f');
  assert.deepEqual(
    plan?.services[0]?.backends.map(({ address }) => address),
    ['10.0.0.1:80', '[::1]:81', 'unix:/run/a.sock'],
  );
  assert.equal(effective.find(({ path }) => path === 'backends[1].port')?.origin, 'file:3');
  assert.match(errorsOf('backends: ["10.0.0.300:80"]\n')[0] ?? '', /^f:1:12 backends\[0\]\.host: expected an IPv4/);
  assert.match(errorsOf('backends: ["10.0.0.3:99999"]\n')[0] ?? '', /write "HOST:PORT"/);
});

test('bal backend --save finds a backend that is one text, and writes one like it', () => {
  const text = 'backends:\n  - 10.0.0.1:80   # the first\n  - "10.0.0.2:80"\n';
  const save = (address: string, weight: number | null) => {
    const [host = '', port] = address.split(':');
    const edited = editBackend(text, 'default', address, weight === null ? null : { host, port: Number(port), weight });
    return edited.ok ? edited.text : edited.why;
  };
  assert.equal(save('10.0.0.1:80', 5), text.replace('10.0.0.1:80', '{host: 10.0.0.1, port: 80, weight: 5}'));
  assert.equal(save('10.0.0.1:80', 1), text);
  assert.equal(save('10.0.0.1:80', null), 'backends:\n  - "10.0.0.2:80"\n');
  assert.equal(save('10.0.0.3:80', 1), `${text}  - "10.0.0.3:80"\n`);
  for (const weight of [0, 5]) {
    const { plan, errors } = parseConfig(save('10.0.0.2:80', weight), 'f');
    assert.deepEqual(errors, []);
    assert.equal(plan?.services[0]?.backends[1]?.weight, weight);
  }
});

test('admin may be a port, on loopback', () => {
  assert.deepEqual(parseConfig('admin: 9296\nbackends: ["a:1"]\n', 'f').plan?.admin, { host: '127.0.0.1', port: 9296 });
  assert.match(errorsOf('admin: 0\nbackends: ["a:1"]\n')[0] ?? '', /expected an IP address and a port, got 0/);
});

test('words of other proxies are answered with those of bal', () => {
  for (const [line, hint] of [
    ['method: leastconn', 'did you mean "least_connections"?'],
    ['method: ip_hash', 'did you mean "source_hash"?'],
    ['log_level: warning', 'did you mean "warn"?'],
    ['balance: source', 'bal has "method:", one of round_robin, least_connections, random, source_hash'],
    ['runtime: {max_concurrent_connections: 10k}', 'write the number out: 10000'],
    ['services: [{name: web}]', 'not "- name: web" and its keys, but "web:" and its keys below it, further in'],
  ] as const) {
    const { errors } = parseConfig(`backends: ["a:1"]\n${line}\n`, 'f');
    assert.deepEqual(
      errors.map((problem) => problem.hint),
      [hint],
      line,
    );
  }
});

test('typographic quotes and special spaces are named where they spoil something, and nowhere else', () => {
  const quotes = errorsOf('backends:\n  - host: “127.0.0.1”\n    port: 80\n');
  assert.match(quotes[0] ?? '', /^f:2:5 backends\[0\]\.host: .*; line 2 has a typographic quote \(“\): write "/);
  for (const text of ['port:\u00a080\n', 'port: 80\u00a0\n', '\u3000port: 80\n']) {
    const found = errorsOf(`backends: ["a:1"]\n${text}`);
    assert.match(
      found[0] ?? '',
      /; line 2 has a no-break or other special space in column \d+: /,
      JSON.stringify(text),
    );
  }
  assert.match(errorsOf('backends:\n  -\u00a0host: a\n    port: 1\n')[0] ?? '', /; line 2 has a no-break/);
  assert.deepEqual(errorsOf('# “quoted”\u00a0\nbackends: ["a:1"]\n'), []);
  assert.doesNotMatch(errorsOf('# “quoted”\nbackends: ["a:1"]\nport: 0\n')[0] ?? '', /typographic/);
});
