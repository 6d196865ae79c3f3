// What bal has learnt survives a reload: health, cool-downs, protection, counters, the position of the round.
import assert from 'node:assert/strict';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { named } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { forEitherEngine } from '../harness/engines.ts';
import { names } from '../harness/exchange.ts';
import { troubles, visits } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';

/** Only the first check runs, so that only remembered state decides. */
const NO_CHECKS = { health_check_interval_ms: 60_000 };

forEitherEngine(
  'a backend known to be down gets no client after a reload before a check has passed',
  async (t, engine) => {
    const [a, down] = [await backend(t, named('a')), await backend(t, named('down'))];
    await down.refuse();
    const port = await freePort();
    const runtime = { ...NO_CHECKS, protection_trigger_threshold: 1000 };
    const bal = await startBal(t, { engine, config: configFor(port, [a, down], { runtime }) });
    await bal.checked();
    await down.recover(); // which bal cannot know
    const checks = down.accepted;
    for (let round = 0; round < 2; round++) {
      bal.configure(
        configFor(port, [a, down], { runtime: { ...runtime, connection_idle_timeout_ms: 100_000 + round } }),
      );
      assert.equal((await bal.graceful()).code, 0);
      const { backends } = await bal.status();
      assert.deepEqual(
        backends.map(({ state }) => state),
        ['up', 'down'],
      );
      assert.deepEqual((await visits(port, names('a', 'down'), 20)).answers, { a: 20 });
    }
    assert.equal(down.accepted, checks);
  },
);

forEitherEngine('a backend added by a reload is checked before it gets a client', async (t, engine) => {
  const [a, dead] = [await backend(t, named('a')), await backend(t, named('dead'))];
  await dead.refuse();
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { runtime: NO_CHECKS }) });
  bal.configure(configFor(port, [a, dead], { runtime: NO_CHECKS }));
  assert.equal((await bal.graceful()).code, 0);
  assert.deepEqual(troubles(await visits(port, names('a'), 20)), {});
  const { backends } = await bal.status();
  assert.deepEqual(
    backends.map(({ state, counters }) => [state, counters?.refused]),
    [
      ['up', 0],
      ['down', 1],
    ],
  );
});

forEitherEngine('a cool-down, protection mode and every counter go on through a reload', async (t, engine) => {
  const [a, flaky] = [await backend(t, named('a')), await backend(t, named('flaky'))];
  const port = await freePort();
  const runtime = {
    ...NO_CHECKS,
    health_check_fail_threshold: 10,
    backend_cooldown_ms: 60_000,
    protection_trigger_threshold: 1,
    protection_stable_success_threshold: 1000,
  };
  const bal = await startBal(t, { engine, config: configFor(port, [a, flaky], { runtime, workers: 1 }) });
  await bal.checked();
  await flaky.refuse();
  assert.deepEqual(troubles(await visits(port, names('a', 'flaky'), 4, { clients: 1 })), {});
  const before = await bal.statusWhen(
    'the failed connect, the check after it and the visits are counted',
    ({ backends, totals, protection_mode }) =>
      Number(backends[1]?.counters?.refused) >= 2 &&
      totals?.connections_total === 4 &&
      totals.active_connections === 0 &&
      protection_mode.enabled === true,
  );
  assert.ok(Number(before.backends[1]?.cooldown_ms) > 30_000);
  await flaky.recover();
  const checks = flaky.accepted;

  bal.configure(configFor(port, [a, flaky], { runtime, workers: 1, log_level: 'debug' }));
  assert.equal((await bal.graceful()).code, 0);
  const after = await bal.status();
  assert.equal(after.protection_mode.enabled, true);
  assert.equal(after.protection_mode.since, before.protection_mode.since);
  assert.ok(Number(after.backends[1]?.cooldown_ms) > 30_000, 'it still cools down');
  assert.equal(after.totals?.connections_total, 4);
  for (const [i, now] of after.backends.entries()) {
    const then = before.backends[i];
    assert.ok(then !== undefined);
    assert.deepEqual(now.counters, then.counters);
    assert.equal(now.connections_total, then.connections_total);
    assert.equal(now.bytes_out, then.bytes_out);
  }
  assert.deepEqual((await visits(port, names('a', 'flaky'), 6)).answers, { a: 6 });
  assert.equal(flaky.accepted, checks);
});

forEitherEngine('the round goes on where it was, reload after reload', async (t, engine) => {
  const order = ['a', 'b', 'c'];
  const backends = await Promise.all(order.map((name) => backend(t, named(name))));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, backends, { workers: 1 }) });
  await bal.checked();
  const said: string[] = [];
  for (let round = 0; round < 4; round++) {
    said.push(...Object.keys((await visits(port, names(...order), 1)).answers));
    assert.equal((await bal.graceful()).code, 0);
  }
  const first = order.indexOf(said[0] ?? '');
  const expected = said.map((_, i) => order[(first + i) % order.length]);
  // A backend that failed a check is rightly skipped.
  const { backends: found, totals } = await bal.status();
  assert.equal(said.join(), expected.join(), JSON.stringify({ found, totals }));
});
