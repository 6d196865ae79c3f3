import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine, forEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { signal } from './harness/processes.ts';
import { logFiles } from './harness/records.ts';
import { until } from '../lib/testing/until.ts';

const KEYS = ['timestamp', 'level', 'message', 'module', 'event', 'fields'];

forEitherEngine(
  'a daemon logs one JSON object a line, six keys in their order, and an event for everything that happens',
  async (t, engine) => {
    const a = await backend(t, named('a'));
    const port = await freePort();
    const bal = await startBal(t, { engine, daemon: true, config: configFor(port, [a], { workers: 1 }) });
    await bal.checked();
    assert.deepEqual(troubles(await visits(port, names('a'), 30)), {});
    await a.die();
    await bal.logged('backend.down');
    await a.recover();
    await bal.logged('backend.up', ({ timestamp }) => timestamp !== '');
    const [worker] = await bal.workerPids();
    assert.ok(worker !== undefined);
    signal(worker, 'SIGKILL');
    await bal.logged('worker.exited');
    await bal.statusWhen('it is replaced', ({ workers }) =>
      workers.some(({ state, pid }) => state === 'ready' && pid !== worker),
    );
    await bal.graceful();
    await bal.stop();

    const files = logFiles(bal.home.logDir);
    assert.ok(files.length >= 1);
    const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n').slice(0, -1));
    const records = bal.logs();
    assert.equal(records.length, lines.length, 'every line is a JSON object');
    for (const record of records) {
      assert.deepEqual(Object.keys(record), KEYS, JSON.stringify(record));
      assert.match(record.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.match(record.level, /^(DEBUG|INFO|WARN|ERROR)$/);
      assert.match(record.event, /^[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)+$/);
      assert.ok(record.message !== '' && record.module !== '');
      assert.equal(typeof record.fields, 'object');
    }
    const events = new Set(records.map(({ event }) => event));
    for (const event of ['backend.down', 'backend.up', 'worker.ready', 'worker.exited', 'config.reloaded'])
      assert.ok(events.has(event), `${event} in ${[...events].join(' ')}`);
    const perClient = records.filter(({ event }) => event === 'connection.ended');
    assert.deepEqual(perClient, [], 'there is no line for each connection that went well');
  },
);

forEitherEngine('in the foreground the log goes to stdout, and stderr stays empty', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  await visits(port, names('a'), 5);
  await bal.stop();
  await bal.exited;
  assert.ok(bal.logs().length > 0);
  for (const record of bal.logs()) assert.deepEqual(Object.keys(record), KEYS);
  assert.equal(bal.stderr(), '');
  assert.deepEqual(logFiles(bal.home.logDir), [], 'and no file is written');
});

forEngine('native', 'the log says what the native engine has to do without', async (t, engine) => {
  const a = await backend(t, named('a'));
  const config = configFor(await freePort(), [a]);
  const bal = await startBal(t, { engine, config, env: { BAL_NATIVE_DISABLE: 'uring' } });
  const { fields } = await bal.logged('engine.chosen');
  assert.equal(fields['engine'], 'native');
  assert.match(String(fields['why']), /there is no io_uring \(EPERM: kernel\.io_uring_disabled or a seccomp filter/);
});

forEitherEngine('flips are logged once, however often they are seen', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { log_connections: 'none' }) });
  await bal.checked();
  await a.die();
  await bal.logged('backend.down');
  await visits(port, names('a'), 100);
  const seen = (await bal.status()).backends[0]?.last_check_time;
  await until('a few more checks have failed', async () => (await bal.status()).backends[0]?.last_check_time !== seen);
  assert.equal(bal.logs().filter(({ event }) => event === 'backend.down').length, 1);
  const warnings = bal.logs().filter(({ level }) => level === 'WARN' || level === 'ERROR');
  assert.ok(warnings.length < 10, JSON.stringify(warnings, null, 1));
});
