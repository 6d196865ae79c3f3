import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { blackHole } from '../lib/testing/black-hole.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';

forEachEngine('a backend stops listening in the middle of a run: no client sees an error', async (t, engine) => {
  const [a, b, c] = [await backend(t, named('a')), await backend(t, named('b')), await backend(t, named('c'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a, b, c]) });
  const load = startLoad(t, port, names('a', 'b', 'c'));
  await load.succeeds(60);
  await load.between(a.refuse);
  await load.succeeds(60);
  await bal.statusWhen('a is known to be down', ({ backends }) => backends[0]?.state === 'down');
  await load.succeeds(60);
  assert.deepEqual(troubles(await load.stop()), {});
  const down = await bal.logged('backend.down');
  assert.ok(JSON.stringify(down.fields).includes(a.address), JSON.stringify(down));
  assert.deepEqual(troubles(await visits(port, names('b', 'c'), 30)), {});
});

forEachEngine('two of three backends are dead at once: every client gets the third', async (t, engine) => {
  const [a, b, c] = [await backend(t, named('a')), await backend(t, named('b')), await backend(t, named('c'))];
  const port = await freePort();
  // Checks are so rare that bal learns only from its clients.
  await startBal(t, {
    engine,
    config: configFor(port, [a, b, c], { runtime: { health_check_interval_ms: 60_000 } }),
  });
  await visits(port, names('a', 'b', 'c'), 12);
  await Promise.all([a.refuse(), b.refuse()]);
  const counts = await visits(port, names('c'), 60);
  assert.deepEqual(troubles(counts), {});
  assert.equal(counts.answers['c'], 60);
});

forEachEngine(
  'a backend that neither accepts nor refuses costs one connect timeout, not the client',
  async (t, engine) => {
    const hole = await blackHole(t);
    const b = await backend(t, named('b'));
    const port = await freePort();
    const bal = await startBal(t, {
      engine,
      config: configFor(port, [{ host: '127.0.0.1', port: hole }, b], {
        runtime: { health_check_interval_ms: 60_000, backend_connect_timeout_ms: 1000 },
      }),
    });
    const counts = await visits(port, names('b'), 20, { clients: 4 });
    assert.deepEqual(troubles(counts), {});
    const status = await bal.statusWhen('the timeouts are counted', ({ backends }) =>
      Boolean(backends[0]?.counters && backends[0].counters.timeout > 0),
    );
    assert.equal(status.backends[0]?.connections_total, 0);
  },
);

forEachEngine(
  'a recovered backend is used again within a health interval, also when it is the only one',
  async (t, engine) => {
    const a = await backend(t, named('a'));
    const port = await freePort();
    const bal = await startBal(t, {
      engine,
      config: configFor(port, [a], { runtime: { failover_backoff_max_ms: 60_000, backend_cooldown_ms: 30_000 } }),
    });
    await visits(port, names('a'), 5);
    await a.die();
    await bal.statusWhen('a is down', ({ backends }) => backends[0]?.state === 'down');
    assert.equal((await visits(port, names('a'), 20)).ok, 0, 'clients are told that nobody is there');
    await a.recover();
    await bal.statusWhen('a is up', ({ backends }) => backends[0]?.state === 'up');
    assert.deepEqual(troubles(await visits(port, names('a'), 20)), {});
    const up = await bal.logged('backend.up', ({ fields }) => JSON.stringify(fields).includes(a.address));
    assert.equal(up.level, 'INFO');
    // Not at once: a worker's report of an earlier failure may arrive after the good check; the next check ends the cool-down.
    await bal.statusWhen('a good check has ended the cool-down', ({ backends }) => backends[0]?.cooldown_ms === 0);
  },
);

forEachEngine('a recovered backend gets its share again', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a, b]) });
  await a.die();
  await bal.statusWhen('a is down', ({ backends }) => backends[0]?.state === 'down');
  const load = startLoad(t, port, names('a', 'b'), { clients: 4 });
  await load.succeeds(20);
  await a.recover();
  // Its connection count would not do: it includes checks.
  const served = (): number => load.counts.answers['a'] ?? 0;
  const before = served();
  await until('a serves clients', () => served() > before + 20);
  assert.deepEqual(troubles(await load.stop()), {});
});

forEachEngine('all backends down and back: refused with a reset meanwhile, no error afterwards', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a, b]) });
  await visits(port, names('a', 'b'), 4);
  await Promise.all([a.die(), b.die()]);
  await bal.statusWhen('none is reachable', ({ backend_reachable }) => backend_reachable === 0);
  const status = await bal.cli('status');
  assert.equal(status.code, 1);
  assert.match(status.stdout + status.stderr, /what_happened: no backend is up/);
  const down = await visits(port, names('a', 'b'), 20);
  assert.deepEqual(troubles(down), { reset: 20 }, 'a reset, so that nobody takes it for an answer');
  await Promise.all([a.recover(), b.recover()]);
  await bal.statusWhen('both are reachable', ({ backend_reachable }) => backend_reachable === 2);
  assert.deepEqual(troubles(await visits(port, names('a', 'b'), 40)), {});
  assert.equal((await bal.cli('status')).code, 0);
});

forEachEngine(
  'a backend that comes and goes costs no client anything, and is not logged more often than it flips',
  async (t, engine) => {
    const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [a, b]) });
    const load = startLoad(t, port, names('a', 'b'), { clients: 4 });
    const FLIPS = 6;
    for (let i = 0; i < FLIPS; i++) {
      await load.succeeds(15);
      await load.between(i % 2 === 0 ? a.refuse : a.recover);
    }
    await bal.statusWhen('a is up', ({ backends }) => backends[0]?.state === 'up');
    assert.deepEqual(troubles(await load.stop()), {});
    const flips = bal.logs().filter(({ event }) => event === 'backend.down' || event === 'backend.up');
    assert.ok(flips.length <= FLIPS + 2, JSON.stringify(flips, null, 1));
  },
);
