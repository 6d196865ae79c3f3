import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pidIn, startBal, newHome, writeConfig } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { cli } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { heldBack } from './harness/held-back.ts';
import { troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { isAlive, pidsOf } from './harness/processes.ts';
import { recordsBelow } from './harness/records.ts';
import { until } from '../lib/testing/until.ts';

forEitherEngine('in the foreground bal serves, stop ends it with exit 0 and nothing is left', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  assert.deepEqual(troubles(await visits(port, names('a'), 20)), {});
  assert.equal(statSync(bal.home.socket).mode & 0o777, 0o600, 'only its owner may talk to it');
  if (existsSync('/proc/self/comm')) {
    const called = (pid: number | null): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    assert.equal(called(bal.pid), 'bal: primary');
    const { workers } = await bal.status();
    for (const { id, pid } of workers) assert.equal(called(pid), `bal: worker ${id}`);
  }

  const stopped = await bal.stop();
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.equal(await bal.exited, 0);
  assert.equal(existsSync(bal.home.pidFile), false);
  assert.equal(existsSync(bal.home.socket), false);
  assert.deepEqual(pidsOf(bal.home.dir), []);
  assert.ok('refused' in troubles(await visits(port, names('a'), 1)), 'nobody listens any more');
});

forEitherEngine('as a daemon bal serves once start has returned, and is gone once stop has', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, daemon: true, config: configFor(port, [a]) });
  assert.deepEqual(troubles(await visits(port, names('a'), 20)), {});

  const stopped = await bal.stop();
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.equal(isAlive(bal.pid), false, 'stop returns only when the process is gone');
  assert.deepEqual(pidsOf(bal.home.dir), []);

  const again = await bal.stop();
  assert.equal(again.code, 3);
  assert.match(again.stderr, /bal is not running/);
});

forEitherEngine('a second start in the same home is refused, names the PID and disturbs nothing', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  for (const args of [['start'], ['start', '-d']]) {
    const second = await bal.cli(...args);
    assert.equal(second.code, 1);
    assert.match(second.stderr, new RegExp(`\\b${bal.pid}\\b`));
    assert.match(second.stderr, /already running/);
  }
  assert.equal(pidIn(bal.home.pidFile), bal.pid);
  assert.deepEqual(troubles(await visits(port, names('a'), 20)), {});
  assert.equal((await bal.status()).pid, bal.pid);
});

forEitherEngine('a relative config path is that of where start was called, also for a daemon', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const home = newHome(t);
  const elsewhere = join(home, 'elsewhere');
  mkdirSync(elsewhere);
  renameSync(writeConfig(home, configFor(port, [a]), engine), join(elsewhere, 'mine.yaml'));
  const started = await cli(['start', '-d', '-c', './mine.yaml'], { home, cwd: elsewhere });
  assert.equal(started.code, 0, started.stderr);
  try {
    assert.deepEqual(troubles(await visits(port, names('a'), 5)), {});
    const status = await cli(['status', '--json'], { home });
    assert.equal(JSON.parse(status.stdout).config_path, join(elsewhere, 'mine.yaml'));
  } finally {
    assert.equal((await cli(['stop'], { home })).code, 0);
  }
});

forEitherEngine('start succeeds while no backend is up, says so, and serves when one comes', async (t, engine) => {
  const a = await backend(t, named('a'));
  await a.die();
  const port = await freePort();
  const bal = await startBal(t, { engine, daemon: true, config: configFor(port, [a]) });
  await bal.statusWhen('the backend is down', (status) => status.backends[0]?.state === 'down');
  assert.equal((await bal.cli('status')).code, 1, 'running, but degraded');
  await a.recover();
  await bal.statusWhen('the backend is up', (status) => status.backends[0]?.state === 'up');
  assert.equal((await bal.cli('status')).code, 0);
  assert.deepEqual(troubles(await visits(port, names('a'), 20)), {});
});

forEitherEngine('the status right after start -d is that of backends that have been looked at', async (t, engine) => {
  const a = await backend(t, named('a'));
  const home = newHome(t);
  const config = configFor(await freePort(), [a], { runtime: { health_check_timeout_ms: 10_000 } });
  const backends = [{ host: 'localhost', port: a.port }];
  writeConfig(home, { ...config, backends }, engine);
  const go = join(home, 'go');
  const starting = cli(['start', '-d'], { home, env: { NODE_OPTIONS: heldBack(go) } });
  const logs = join(home, 'logs');
  await until('every worker serves', () => recordsBelow(logs).some(({ event }) => event === 'bal.started'));
  // Long enough for a command that does not wait for the checks; one that does cannot end yet.
  assert.equal(await Promise.race([starting, pause(500, 'still waiting')]), 'still waiting');
  writeFileSync(go, '');
  assert.equal((await starting).code, 0);
  const status = await cli(['status'], { home });
  assert.equal(status.code, 0, status.stderr);
  assert.equal((await cli(['stop'], { home })).code, 0);
});
