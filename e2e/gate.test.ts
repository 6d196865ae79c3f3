// The release gate: everything that scripts around bal rely on, in one run from nothing to nothing. A failure blocks the release.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { pidIn, newHome, writeConfig } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { cli } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { isAlive, pidsOf } from './harness/processes.ts';
import { logFiles } from './harness/records.ts';
import { at, hasKeys, onlyJson, words } from '../lib/testing/shape.ts';

forEachEngine('the release gate', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const home = newHome(t);
  writeConfig(home, configFor(port, [a, b]), engine);
  const bal = (...args: string[]): ReturnType<typeof cli> => cli(args, { home });

  await t.test('check --json, before anything runs', async () => {
    const { code, stdout } = await bal('check', '--json');
    assert.equal(code, 0);
    const check = onlyJson(stdout);
    hasKeys(check, words('config_path errors warnings backend_count'), 'check');
    assert.equal(check['backend_count'], 2);
    assert.deepEqual(check['errors'], []);
  });

  await t.test('stop of a stopped bal fails, and says so in the same words each time', async () => {
    for (let i = 0; i < 2; i++) {
      const { code, stderr } = await bal('stop');
      assert.equal(code, 3);
      assert.match(stderr, /bal is not running/);
    }
  });

  await t.test('start, status --json, doctor --json', async () => {
    const started = await bal('start', '-d');
    assert.equal(started.code, 0, started.stderr);
    assert.deepEqual(troubles(await visits(port, names('a', 'b'), 20)), {});
    const status = onlyJson((await bal('status', '--json')).stdout);
    const keys = `running pid config_path bind_address port method backend_total backend_reachable backends
                  active_connections last_check_time protection_mode`;
    hasKeys(status, words(keys), 'status');
    const inBackend = words('address reachable active_connections last_check_time counters');
    hasKeys(at(status, 'backends', 0), inBackend, 'backends[0]');
    hasKeys(at(status, 'backends', 0, 'counters'), words('timeout refused other'), 'counters');
    hasKeys(at(status, 'protection_mode'), words('enabled reason'), 'protection_mode');
    assert.equal(status['running'], true);
    assert.equal(status['pid'], pidIn(`${home}/bal.pid`));
    const doctor = onlyJson((await bal('doctor', '--json')).stdout);
    hasKeys(doctor, words('checks protection_mode'), 'doctor');
    hasKeys(at(doctor, 'checks', 0), words('name level summary hint'), 'checks[0]');
    hasKeys(at(doctor, 'protection_mode'), words('enabled reason'), 'protection_mode');
  });

  await t.test('the log is NDJSON with its six keys; lines that are no JSON are noise and few', () => {
    const lines = logFiles(`${home}/logs`).flatMap((file) => readFileSync(file, 'utf8').split('\n').filter(Boolean));
    const noise = lines.filter((line) => !line.startsWith('{'));
    const records = lines.filter((line) => line.startsWith('{'));
    assert.ok(records.length > 0);
    assert.equal(noise.length, 0, noise.join('\n'));
    for (const line of records) {
      const record: Record<string, unknown> = JSON.parse(line);
      assert.deepEqual(Object.keys(record), words('timestamp level message module event fields'));
    }
  });

  await t.test('stop ends it for good, and a second stop fails', async () => {
    const pid = pidIn(`${home}/bal.pid`);
    assert.ok(pid !== null);
    const stopped = await bal('stop');
    assert.equal(stopped.code, 0, stopped.stderr);
    assert.equal(isAlive(pid), false);
    assert.deepEqual(pidsOf(home), []);
    assert.equal(existsSync(`${home}/bal.pid`), false);
    assert.equal(existsSync(`${home}/bal.sock`), false);
    assert.equal((await visits(port, names('a'), 1)).refused, 1);
    const again = await bal('stop');
    assert.equal(again.code, 3);
    assert.match(again.stderr, /bal is not running/);
    const status = onlyJson((await bal('status', '--json')).stdout);
    assert.equal(status['running'], false);
  });
});
