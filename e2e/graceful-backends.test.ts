import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo, named } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { isAlive } from './harness/processes.ts';

forEachEngine('graceful changes the backends under load and no client notices', async (t, engine) => {
  const [a, b, c] = [await backend(t, named('a')), await backend(t, named('b')), await backend(t, named('c'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a, b]) });
  const before = await bal.workerPids();
  const load = startLoad(t, port, names('a', 'b', 'c'));
  await load.succeeds(50);

  bal.configure(configFor(port, [b, c]));
  const { code, verdict } = await bal.graceful();
  assert.equal(code, 0);
  assert.equal(verdict.ok, true);
  assert.equal(verdict.workers_replaced, 2);
  assert.ok(
    verdict.changed.some(({ what }) => what.includes('backends')),
    JSON.stringify(verdict),
  );
  assert.deepEqual(verdict.unchangeable, []);
  const { answers } = await visits(port, names('a', 'b', 'c'), 40);
  assert.equal(answers['a'], undefined, 'a backend that is gone from the file gets nothing new');
  assert.ok(Number(answers['b']) > 0 && Number(answers['c']) > 0, JSON.stringify(answers));

  await load.succeeds(50);
  assert.deepEqual(troubles(await load.stop()), {});
  assert.equal(
    (await bal.workerPids()).some((pid) => before.includes(pid)),
    false,
    'all workers are new',
  );
  assert.equal((await bal.status()).generation, verdict.generation);
  assert.equal((await bal.status()).pid, bal.pid, 'the primary is the same');
});

forEachEngine('a connection that is open during graceful goes on with its backend', async (t, engine) => {
  const [a, b] = [await backend(t, echo), await backend(t, echo)];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  const client = await connectTo(t, port);
  await client.send('before');
  assert.equal((await client.reads(6)).toString(), 'before');

  bal.configure(configFor(port, [b]));
  assert.equal((await bal.graceful()).code, 0);
  await client.send('after');
  assert.equal((await client.reads(5)).toString(), 'after');
  assert.equal(a.live.size, 1);
  assert.equal((await bal.status()).totals?.active_connections, 1, 'it is counted while its worker drains');
  client.end();
  assert.equal((await client.over).how, 'fin');
  await bal.statusWhen('the drained workers are gone', ({ workers }) =>
    workers.every(({ state, generation }) => state === 'ready' && generation === 2),
  );
});

forEachEngine('a connection that outlives reload_drain_timeout_ms is ended', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const config = configFor(port, [a], { workers: 1, runtime: { reload_drain_timeout_ms: 1000 } });
  const bal = await startBal(t, { engine, config });
  const [old] = await bal.workerPids();
  assert.ok(old !== undefined);
  const client = await connectTo(t, port);
  await client.send('x');
  await client.reads(1);
  assert.equal((await bal.graceful()).code, 0);
  assert.equal((await client.over).how, 'fin');
  await bal.statusWhen('one worker is left', ({ workers }) => workers.length === 1 && workers[0]?.pid !== old);
  assert.equal(isAlive(old), false);
});

forEitherEngine('health and counters of a backend that stays are carried over a graceful', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  await b.die();
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a, b]) });
  await bal.statusWhen('b is down', ({ backends }) => backends[1]?.state === 'down');
  assert.deepEqual(troubles(await visits(port, names('a'), 30)), {});
  const before = await bal.statusWhen('30 are counted', ({ totals }) => totals?.connections_total === 30);

  const c = await backend(t, named('c'));
  bal.configure(configFor(port, [a, b, c], { runtime: { health_check_interval_ms: 60_000 } }));
  assert.equal((await bal.graceful()).code, 0);
  const after = await bal.status();
  assert.equal(after.backends[1]?.state, 'down', 'it was down and nobody has looked since');
  assert.ok(Number(after.backends[0]?.connections_total) >= 30);
  assert.ok(Number(after.totals?.connections_total) >= Number(before.totals?.connections_total));
  assert.ok(Number(after.backends[1]?.counters?.refused) >= Number(before.backends[1]?.counters?.refused));
});
