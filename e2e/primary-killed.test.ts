import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { echoes } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { gone, isAlive, pidsOf } from './harness/processes.ts';
import { until } from '../lib/testing/until.ts';

forEitherEngine('the primary is killed: workers stop listening, finish what they have, and exit', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const config = configFor(port, [a], { runtime: { drain_timeout_ms: 20_000 } });
  const bal = await startBal(t, { engine, daemon: true, config });
  const client = await connectTo(t, port);
  await client.send('1');
  await client.reads(1);
  const workers = await bal.workerPids();
  await bal.killPrimary();

  await until('nobody listens any more', async () => (await visits(port, echoes(), 1)).refused === 1);
  await client.send('2');
  assert.equal((await client.reads(1)).toString(), '2', 'the connection goes on');
  await until('only the worker that is needed is still there', () => workers.filter(isAlive).length === 1);

  const status = await bal.cli('status', '--json');
  assert.equal(status.code, 3);
  assert.equal(JSON.parse(status.stdout).running, false);
  const again = await startBal(t, { engine, daemon: true, home: bal.home.dir, config });
  assert.notEqual(again.pid, bal.pid);
  assert.deepEqual(troubles(await visits(port, echoes(), 10)), {}, 'a new start binds and serves at once');
  await client.send('3');
  assert.equal((await client.reads(1)).toString(), '3');
  client.end();
  assert.equal((await client.over).how, 'fin');
  await Promise.all(workers.map(gone));
  assert.equal((await again.stop()).code, 0);
  assert.deepEqual(pidsOf(bal.home.dir), []);
});

forEitherEngine('workers of a killed primary cut what outlives the drain time', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { runtime: { drain_timeout_ms: 1000 } }) });
  const client = await connectTo(t, port);
  await client.send('1');
  await client.reads(1);
  const workers = await bal.workerPids();
  await bal.killPrimary();
  assert.equal((await client.over).how, 'fin');
  await Promise.all(workers.map(gone));
});
