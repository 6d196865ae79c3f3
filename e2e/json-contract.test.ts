// The JSON that scripts rely on: every promised key, and exactly one document on stdout, even in case of an error.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newHome, startBal, writeConfig } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { cli } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { echoes } from './harness/exchange.ts';
import { visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { at, hasKeys, type Json, onlyJson, textAt, words } from '../lib/testing/shape.ts';

const STATUS = words(`
  running pid config_path bind_address port method backend_total backend_reachable backends
  active_connections last_check_time protection_mode version engine uptime_ms generation services
  workers spread totals log live_changes
`);
const BACKEND = words(`
  address reachable state active_connections last_check_time counters connections_total bytes_in
  bytes_out cooldown_ms weight slow_start backup max_connections send_proxy_protocol source administrative administrative_since
`);
const SERVICE = words(`
  name bind_address port bind_unix method backend_total backend_reachable backends active_connections
  last_check_time protection_mode accept_proxy_protocol
`);
const WORKER = words(`
  id pid state generation active_connections connections_total bytes_in bytes_out rejected_total
  rss_bytes
`);
const PROTECTION = ['enabled', 'reason', 'since', 'exit_condition'];
const PROBLEM = ['line', 'column', 'path', 'message', 'hint'];

forEitherEngine('status --json has every key with a value of its kind', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, daemon: true, config: configFor(port, [a]) });
  await visits(port, echoes(), 10);
  await bal.checked();
  const { code, stdout, stderr } = await bal.cli('status', '--json');
  assert.equal(code, 0);
  assert.equal(stderr, '');
  const status = onlyJson(stdout);
  hasKeys(status, STATUS, 'status');
  hasKeys(at(status, 'backends', 0), BACKEND, 'backends[0]');
  hasKeys(at(status, 'backends', 0, 'counters'), ['timeout', 'refused', 'other'], 'counters');
  hasKeys(at(status, 'services', 0), SERVICE, 'services[0]');
  hasKeys(at(status, 'workers', 0), WORKER, 'workers[0]');
  hasKeys(at(status, 'protection_mode'), PROTECTION, 'protection_mode');
  assert.equal(status['running'], true);
  assert.equal(status['pid'], bal.pid);
  assert.equal(status['config_path'], bal.configFile);
  assert.equal(status['bind_address'], '127.0.0.1');
  assert.equal(status['port'], port);
  assert.equal(status['method'], 'round_robin');
  assert.equal(status['engine'], engine);
  assert.equal(status['backend_total'], 1);
  assert.equal(status['backend_reachable'], 1);
  assert.equal(at(status, 'backends', 0, 'address'), a.address);
  assert.equal(at(status, 'backends', 0, 'reachable'), true);
  assert.equal(at(status, 'backends', 0, 'state'), 'up');
  assert.match(textAt(status, 'backends', 0, 'last_check_time'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  assert.ok(Number(status['uptime_ms']) > 0);
  assert.ok(Number(at(status, 'workers', 0, 'rss_bytes')) > 1_000_000);
});

forEitherEngine('doctor --json: a healthy system that runs is all ok', async (t, engine) => {
  const a = await backend(t, echo);
  const bal = await startBal(t, { engine, daemon: true, config: configFor(await freePort(), [a]) });
  await bal.checked();
  const { code, stdout, stderr } = await bal.cli('doctor', '--json');
  assert.equal(stderr, '');
  const doctor = onlyJson(stdout);
  hasKeys(doctor, ['checks', 'protection_mode'], 'doctor');
  hasKeys(at(doctor, 'protection_mode'), ['enabled', 'reason'], 'protection_mode');
  const checks = doctor['checks'];
  assert.ok(Array.isArray(checks) && checks.length >= 8);
  for (const check of checks) hasKeys(check, ['name', 'level', 'summary', 'hint'], JSON.stringify(check));
  // The state of the machine (an old Node, a full disk) is not bal's health.
  const machine = /node|disk|space|file.?desc|nofile/i;
  const bad = checks.filter((check) => at(check, 'level') !== 'ok' && !machine.test(textAt(check, 'name')));
  assert.deepEqual(bad, []);
  if (!checks.some((check) => at(check, 'level') === 'critical')) assert.equal(code, 0);
});

test('status --json when bal is not running: the same keys, running false, unknown values null, exit 3', async (t) => {
  const home = newHome(t);
  for (const prepare of [() => undefined, () => writeConfig(home, configFor(9, [{ host: '127.0.0.1', port: 1 }]))]) {
    prepare();
    const { code, stdout } = await cli(['status', '--json'], { home });
    assert.equal(code, 3);
    const status = onlyJson(stdout);
    hasKeys(status, STATUS, 'status');
    assert.equal(status['running'], false);
    for (const key of ['pid', 'active_connections', 'last_check_time', 'uptime_ms', 'generation'])
      assert.equal(status[key], null, key);
    hasKeys(status['protection_mode'], PROTECTION, 'protection_mode');
  }
});

test('doctor --json when nothing runs and the backend is not there: critical, exit 1, still one document', async (t) => {
  const home = newHome(t);
  writeConfig(home, configFor(await freePort(), [{ host: '127.0.0.1', port: await freePort() }]));
  const { code, stdout } = await cli(['doctor', '--json'], { home });
  const doctor = onlyJson(stdout);
  hasKeys(doctor, ['checks', 'protection_mode'], 'doctor');
  assert.equal(code, 1);
  const checks = doctor['checks'];
  assert.ok(Array.isArray(checks));
  const critical = checks.filter((check) => at(check, 'level') === 'critical');
  assert.ok(critical.length > 0);
  for (const check of critical) assert.equal(typeof at(check, 'hint'), 'string', 'what is critical says what to do');
});

test('check --json has every key, for a good file and for a bad one', async (t) => {
  const home = newHome(t);
  writeFileSync(
    join(home, 'config.yaml'),
    'port: 9295\nbackends:\n  - host: "127.0.0.1"\n    port: 9000\nruntime:\n  tcp_backlog: 100\n',
  );
  const good = await cli(['check', '--json', '--strict'], { home });
  assert.equal(good.code, 0, good.stdout);
  assert.equal(good.stderr, '');
  const report = onlyJson(good.stdout);
  hasKeys(report, ['config_path', 'errors', 'warnings', 'backend_count', 'services', 'effective'], 'check');
  assert.equal(report['config_path'], join(home, 'config.yaml'));
  assert.deepEqual(report['errors'], []);
  assert.deepEqual(report['warnings'], [], 'the recommended minimal config passes --strict');
  assert.equal(report['backend_count'], 1);
  const effective = JSON.stringify(report['effective']);
  for (const origin of ['"default"', '"auto-tuned"', '"file:6"'])
    assert.ok(effective.includes(origin), `${origin} in ${effective}`);

  writeFileSync(join(home, 'config.yaml'), 'port: abc\nbackend: 1\n');
  const bad = await cli(['check', '--json'], { home });
  assert.equal(bad.code, 1);
  const { errors } = onlyJson(bad.stdout);
  assert.ok(Array.isArray(errors) && errors.length >= 2);
  for (const error of errors) hasKeys(error, PROBLEM, 'errors[]');
  assert.deepEqual([at(errors, 0, 'line'), at(errors, 0, 'column'), at(errors, 0, 'path')], [1, 1, 'port']);
  const misspelt = errors.find((error: Json) => at(error, 'path') === 'backend');
  assert.match(textAt(misspelt, 'hint'), /backends/);
});

test('graceful --json and its failure without a bal', async (t) => {
  const a = await backend(t, echo);
  const bal = await startBal(t, { config: configFor(await freePort(), [a]) });
  const done = onlyJson((await bal.cli('graceful', '--json')).stdout);
  const keys = [
    'ok',
    'generation',
    'changed',
    'unchangeable',
    'live_changes',
    'workers_replaced',
    'duration_ms',
    'problem',
    'errors',
  ];
  hasKeys(done, keys, 'graceful');
  await bal.stop();
  const none = await bal.cli('graceful', '--json');
  assert.equal(none.code, 3);
  hasKeys(onlyJson(none.stdout), ['ok', 'problem'], 'graceful of nothing');
  hasKeys(at(onlyJson(none.stdout), 'problem'), ['what_happened', 'why_likely', 'do_this_now'], 'problem');
});
