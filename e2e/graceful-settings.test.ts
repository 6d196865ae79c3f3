import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';

forEitherEngine('graceful changes the number of workers up and down under load', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 1 }) });
  const load = startLoad(t, port, names('a'), { clients: 4 });
  for (const workers of [3, 1]) {
    bal.configure(configFor(port, [a], { workers }));
    const { code, verdict } = await bal.graceful();
    assert.equal(code, 0, JSON.stringify(verdict));
    await bal.statusWhen(
      `${workers} workers are ready`,
      (status) => status.workers.length === workers && status.workers.every(({ state }) => state === 'ready'),
    );
  }
  await load.succeeds(20);
  assert.deepEqual(troubles(await load.stop()), {});
});

forEitherEngine('graceful changes the log level in the primary and the workers', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { log_level: 'error' }) });
  assert.deepEqual(
    bal.logs().filter(({ level }) => level !== 'ERROR'),
    [],
  );
  bal.configure(configFor(port, [a], { log_level: 'debug' }));
  const { verdict } = await bal.graceful();
  assert.ok(verdict.changed.some(({ what, from, to }) => what === 'log_level' && from === 'error' && to === 'debug'));
  await bal.logged('config.reloaded');
  await visits(port, names('a'), 5);
  await until('samples are logged at debug', () => bal.logs().some(({ level }) => level === 'DEBUG'));
});

forEitherEngine('graceful changes health interval, limit and idle time without a restart', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, {
    engine,
    config: configFor(port, [a], { runtime: { health_check_interval_ms: 60_000 } }),
  });
  bal.configure(configFor(port, [a], { runtime: { max_concurrent_connections: 77 } }));
  const { code } = await bal.graceful();
  assert.equal(code, 0);
  assert.equal((await bal.status()).max_connections, 77);
  const first = (await bal.status()).backends[0]?.last_check_time;
  await bal.statusWhen('checks come at the new interval', ({ backends }) => backends[0]?.last_check_time !== first);
});

forEitherEngine(
  'a rejected config changes nothing, says why, and keeps being rejected until it is right',
  async (t, engine) => {
    const a = await backend(t, named('a'));
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [a]) });
    const before = await bal.status();
    const load = startLoad(t, port, names('a'), { clients: 4 });
    bal.configure('port: nonsense\nbackend: []\n');
    for (let i = 0; i < 2; i++) {
      const { code, verdict } = await bal.graceful();
      assert.equal(code, 1);
      assert.equal(verdict.ok, false);
      assert.ok(verdict.errors.length >= 2, JSON.stringify(verdict));
      assert.ok(verdict.problem !== null);
    }
    const forPeople = await bal.cli('graceful');
    assert.equal(forPeople.code, 1);
    assert.match(forPeople.stderr + forPeople.stdout, /config\.yaml:1:1 port/);
    assert.match(forPeople.stderr + forPeople.stdout, /do_this_now:/);
    await load.succeeds(20);
    assert.deepEqual(troubles(await load.stop()), {});
    const after = await bal.status();
    assert.equal(after.generation, before.generation);
    assert.deepEqual(
      after.workers.map(({ pid }) => pid),
      before.workers.map(({ pid }) => pid),
    );
    await bal.logged('config.rejected');
  },
);

forEitherEngine('graceful without a change succeeds, and without a bal it fails with 3', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  const { code, verdict } = await bal.graceful();
  assert.equal(code, 0);
  assert.deepEqual(verdict.changed, []);
  await bal.stop();
  const none = await bal.cli('graceful');
  assert.equal(none.code, 3);
  assert.match(none.stderr, /bal is not running/);
});
